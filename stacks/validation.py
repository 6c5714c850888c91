"""The validate function, and the uploads that call it."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_destinations as destinations
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_s3_notifications as notifications
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from contracts.layout import DATASETS_PREFIX, INPUT_PREFIX, SUCCESS_NAME
from pipeline.settings import ValidateSettings
from stacks.artifacts import Artifacts
from stacks.functions import PipelineFunction
from stacks.permissions import acknowledge, allow, allow_reading, allow_writing, bucket_arn
from stacks.storage import StorageStack

# The id that CDK gives to the one function that sets all bucket notifications of a stack.
_NOTIFICATIONS_HANDLER = "BucketNotificationsHandler050a0587b7544547bf325f094a3db834"

# All that Lambda grants: a folder of 10,000 files takes minutes, and nobody waits for the answer.
TIMEOUT = cdk.Duration.minutes(15)


class Validation(Construct):
    """`function` answers S3's events, and the work queue hears of its failures."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        artifacts: Artifacts,
        storage: StorageStack,
        work_queue: sqs.Queue,
        quiet_period_seconds: int,
        engines: str,
    ) -> None:
        super().__init__(scope, construct_id)
        layer = lambda_.LayerVersion(
            self,
            "ParquetLayer",
            code=lambda_.Code.from_asset(str(artifacts.parquet_layer)),
            description="pyarrow, for Parquet footers and the first rows of text",
        )
        self.function = PipelineFunction(
            self,
            "Validate",
            artifacts=artifacts,
            name="validate_upload",
            settings=ValidateSettings(
                jobs_table=storage.jobs_table.table_name,
                results_bucket=storage.results_bucket_name,
                work_queue_url=work_queue.queue_url,
                quiet_period_seconds=quiet_period_seconds,
                engines=engines,
            ),
            timeout=TIMEOUT,
            # As much as makes a whole vCPU.
            memory_mb=1769,
            layers=(layer,),
            failures=destinations.SqsDestination(work_queue),
        )
        role, ingest = self.function.own_role, storage.ingest_bucket_name
        allow_reading(role, ingest, "*")
        listing = ["s3:ListBucketVersions", "s3:ListBucketMultipartUploads"]
        allow(role, listing, bucket_arn(ingest))
        allow_writing(role, storage.results_bucket_name, "results/*/manifest.json")
        # Of results that the same content came to before.
        allow_reading(role, storage.results_bucket_name, "results/*/report.json")
        storage.allow_records(role)
        storage.allow_listing_records(role, "by_content")
        work_queue.grant_send_messages(role)
        self._uploads(ingest)

    def _uploads(self, ingest: str) -> None:
        """By the bucket's name: its object would tie the storage stack to this one in a circle."""
        bucket = s3.Bucket.from_bucket_name(self, "Uploads", ingest)
        destination = notifications.LambdaDestination(self.function)
        for prefix, suffix in ((INPUT_PREFIX, None), (DATASETS_PREFIX, f"/{SUCCESS_NAME}")):
            bucket.add_event_notification(
                s3.EventType.OBJECT_CREATED,
                destination,
                s3.NotificationKeyFilter(prefix=prefix, suffix=suffix),
            )
        acknowledge(
            cdk.Stack.of(self).node.find_child(_NOTIFICATIONS_HANDLER),
            "AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy"
            "/service-role/AWSLambdaBasicExecutionRole]",
            "CDK's own function, which sets the bucket's notifications when it deploys",
        )
