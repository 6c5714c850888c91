"""What is kept: the two buckets and the jobs table. All of it outlives `cdk destroy`."""

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from stacks.permissions import acknowledge, allow

JOB_INDEXES = {
    "by_created": "kind",
    "by_status": "status",
    "by_source": "source_key",
    "by_content": "content",
}
"""The partition key of each index; all are sorted by `created_at`."""

LOGS_PREFIX = "logs/"
"""Where, in the results bucket, logs lie that expire."""

# A first deployment that fails takes away what it made, or the next one would find the buckets'
# names taken.
_KEPT = cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE


class StorageStack(cdk.Stack):
    """Retained on removal: empty and delete the buckets and the table by hand to be rid of them.

    Bucket names follow from account and region, so that another stack can name a bucket without
    depending on this one.
    """

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        self.ingest_bucket_name = f"bigdata-ingest-{cdk.Aws.ACCOUNT_ID}-{cdk.Aws.REGION}"
        self.results_bucket_name = f"bigdata-results-{cdk.Aws.ACCOUNT_ID}-{cdk.Aws.REGION}"
        # Jobs read their datasets at the version that was uploaded.
        ingest = self._bucket("Ingest", self.ingest_bucket_name, versioned=True)
        ingest.add_lifecycle_rule(noncurrent_version_expiration=cdk.Duration.days(30))
        # Attempts write apart, so no older version is ever read, and what is dropped is gone.
        results = self._bucket("Results", self.results_bucket_name, versioned=False)
        results.add_lifecycle_rule(prefix=LOGS_PREFIX, expiration=cdk.Duration.days(30))
        self.jobs_table = self._jobs_table()
        cdk.CfnOutput(self, "IngestBucket", value=self.ingest_bucket_name)
        cdk.CfnOutput(self, "ResultsBucket", value=self.results_bucket_name)
        cdk.CfnOutput(self, "JobsTable", value=self.jobs_table.table_name)

    def allow_records(self, role: iam.Role) -> None:
        """Let `role` read and save jobs, one at a time."""
        allow(role, ["dynamodb:GetItem", "dynamodb:PutItem"], self.jobs_table.table_arn)

    def allow_listing_records(self, role: iam.Role, *indexes: str) -> None:
        """Let `role` query the named indexes of the jobs table."""
        table = self.jobs_table.table_arn
        allow(role, ["dynamodb:Query"], *(f"{table}/index/{name}" for name in indexes))

    def _bucket(self, construct_id: str, name: str, *, versioned: bool) -> s3.Bucket:
        bucket = s3.Bucket(
            self,
            construct_id,
            bucket_name=name,
            versioned=versioned,
            encryption=s3.BucketEncryption.S3_MANAGED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            removal_policy=_KEPT,
            lifecycle_rules=[
                s3.LifecycleRule(abort_incomplete_multipart_upload_after=cdk.Duration.days(1))
            ],
        )
        acknowledge(
            bucket,
            "AwsSolutions-S1",
            "The job records say who wrote what; access logs would outnumber the data itself",
        )
        return bucket

    def _jobs_table(self) -> dynamodb.Table:
        table = dynamodb.Table(
            self,
            "Jobs",
            partition_key=_text("job_id"),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            encryption=dynamodb.TableEncryption.AWS_MANAGED,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            removal_policy=_KEPT,
        )
        for index, key in JOB_INDEXES.items():
            table.add_global_secondary_index(
                index_name=index, partition_key=_text(key), sort_key=_text("created_at")
            )
        return table


def _text(name: str) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=dynamodb.AttributeType.STRING)
