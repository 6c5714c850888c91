"""The flow: upload, validate, work queue, coordinate, analyze, and the events that come back."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_destinations as destinations
from aws_cdk import aws_lambda_event_sources as event_sources
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_s3_notifications as notifications
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from contracts.layout import (
    DATASETS_PREFIX,
    INPUT_PREFIX,
    NORMALIZED_PREFIX,
    SPEC_NAME,
    SUCCESS_NAME,
)
from pipeline.settings import AnalyzeSettings, CoordinateSettings, ValidateSettings
from stacks.artifacts import Artifacts
from stacks.compute_targets import ComputeTargets
from stacks.functions import PipelineFunction
from stacks.permissions import (
    acknowledge,
    allow,
    allow_deleting,
    allow_querying,
    allow_reading,
    allow_writing,
    bucket_arn,
)
from stacks.spark import SparkJobs
from stacks.storage import JOB_INDEXES, StorageStack

TIMEOUT = cdk.Duration.seconds(60)
# The id that CDK gives to the one function that sets all notifications of a stack.
_NOTIFICATIONS_HANDLER = "BucketNotificationsHandler050a0587b7544547bf325f094a3db834"
_RUNS = "A run's id is only known once it has been started; the application is ours alone"


class PipelineStack(cdk.Stack):
    """Everything between the ingest bucket and the results bucket but the computing itself."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        artifacts: Artifacts,
        storage: StorageStack,
        compute: ComputeTargets,
        quiet_period_seconds: int,
    ) -> None:
        super().__init__(scope, construct_id)
        self.add_stack_dependency(storage)
        self._artifacts = artifacts
        self._storage = storage
        self._compute = compute
        self._application_arn = self.format_arn(
            service="emr-serverless",
            resource="/applications",
            resource_name=compute.spark_application_id,
        )
        self.dead_letters = self._queue("DeadLetters", retention_period=cdk.Duration.days(14))
        self.work_queue = self._queue(
            "Work",
            # Six times the function's timeout, as Lambda asks for.
            visibility_timeout=cdk.Duration.seconds(6 * TIMEOUT.to_seconds()),
            dead_letter_queue=sqs.DeadLetterQueue(queue=self.dead_letters, max_receive_count=5),
        )
        self.validate = self._validate(quiet_period_seconds)
        self.analyze = self._analyze()
        self.coordinate = self._coordinate()
        self._uploads()
        self._state_changes()
        self._outputs()

    def _queue(
        self,
        construct_id: str,
        *,
        retention_period: cdk.Duration | None = None,
        visibility_timeout: cdk.Duration | None = None,
        dead_letter_queue: sqs.DeadLetterQueue | None = None,
    ) -> sqs.Queue:
        return sqs.Queue(
            self,
            construct_id,
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=retention_period,
            visibility_timeout=visibility_timeout,
            dead_letter_queue=dead_letter_queue,
        )

    def _validate(self, quiet_period_seconds: int) -> PipelineFunction:
        storage = self._storage
        layer = lambda_.LayerVersion(
            self,
            "ParquetLayer",
            code=lambda_.Code.from_asset(str(self._artifacts.parquet_layer)),
            description="pyarrow, for Parquet footers and the first rows of text",
        )
        function = PipelineFunction(
            self,
            "Validate",
            artifacts=self._artifacts,
            name="validate_upload",
            settings=ValidateSettings(
                jobs_table=storage.jobs_table.table_name,
                results_bucket=storage.results_bucket_name,
                work_queue_url=self.work_queue.queue_url,
                quiet_period_seconds=quiet_period_seconds,
            ),
            timeout=TIMEOUT,
            memory_mb=1769,
            layers=(layer,),
            failures=destinations.SqsDestination(self.work_queue),
        )
        role, ingest = function.own_role, storage.ingest_bucket_name
        allow_reading(role, ingest, "*")
        listing = ["s3:ListBucketVersions", "s3:ListBucketMultipartUploads"]
        allow(role, listing, bucket_arn(ingest))
        allow_writing(role, storage.results_bucket_name, "results/*/manifest.json")
        self._allow_records(role)
        self.work_queue.grant_send_messages(role)
        return function

    def _analyze(self) -> PipelineFunction:
        storage = self._storage
        function = PipelineFunction(
            self,
            "Analyze",
            artifacts=self._artifacts,
            name="analyze",
            settings=AnalyzeSettings(
                results_bucket=storage.results_bucket_name,
                work_queue_url=self.work_queue.queue_url,
                aws_region=cdk.Aws.REGION,
            ),
            timeout=TIMEOUT,
            memory_mb=1024,
            failures=destinations.SqsDestination(self.work_queue),
        )
        role, results = function.own_role, storage.results_bucket_name
        allow_reading(role, results, "results/*")
        allow_writing(role, results, "results/*/attempts/analyze-*")
        allow_writing(role, results, "results/*/report.json")
        allow_deleting(role, results, f"results/*/attempts/normalize-*/{NORMALIZED_PREFIX}*")
        runs = f"{self._application_arn}/jobruns/*"
        allow(role, ["emr-serverless:GetJobRun"], runs, wildcard=_RUNS)
        self.work_queue.grant_send_messages(role)
        return function

    def _coordinate(self) -> PipelineFunction:
        storage, compute = self._storage, self._compute
        spark = SparkJobs(
            self,
            "Spark",
            artifacts=self._artifacts,
            results_bucket=storage.results_bucket_name,
            application_arn=self._application_arn,
        )
        function = PipelineFunction(
            self,
            "Coordinate",
            artifacts=self._artifacts,
            name="coordinate",
            settings=CoordinateSettings(
                jobs_table=storage.jobs_table.table_name,
                results_bucket=storage.results_bucket_name,
                validate_function=self.validate.function_name,
                analyze_function=self.analyze.function_name,
                gpu_job_queue=compute.gpu_job_queue,
                gpu_job_definition=compute.gpu_job_definition,
                cpu_job_queue=compute.cpu_job_queue,
                cpu_job_definition=compute.cpu_job_definition,
                spark_application_id=compute.spark_application_id,
                spark_execution_role_arn=spark.execution_role.role_arn,
                spark_compare_script=spark.compare_script,
                spark_dataframe_script=spark.dataframe_script,
                spark_modules=spark.modules,
                spark_packages=spark.packages,
                spark_python=self._artifacts.platform.spark_python,
                spark_log_prefix=spark.log_prefix,
            ),
            timeout=TIMEOUT,
            memory_mb=1024,
        )
        function.add_event_source(
            event_sources.SqsEventSource(
                self.work_queue,
                batch_size=10,
                max_concurrency=10,
                report_batch_item_failures=True,
            )
        )
        role, results = function.own_role, storage.results_bucket_name
        self._allow_records(role)
        allow_reading(role, results, "results/*")
        allow_writing(role, results, f"results/*/attempts/*/{SPEC_NAME}")
        functions = (self.validate.function_arn, self.analyze.function_arn)
        allow(role, ["lambda:InvokeFunction"], *functions)
        self._allow_batch(role)
        self._allow_spark(role, spark.execution_role)
        return function

    def _allow_records(self, role: iam.Role) -> None:
        table = self._storage.jobs_table
        allow(role, ["dynamodb:GetItem", "dynamodb:PutItem"], table.table_arn)
        allow_querying(role, table, *JOB_INDEXES)

    def _allow_batch(self, role: iam.Role) -> None:
        compute = self._compute
        definitions = (compute.gpu_job_definition, compute.cpu_job_definition)
        allow(
            role,
            ["batch:SubmitJob"],
            compute.gpu_job_queue,
            compute.cpu_job_queue,
            *definitions,
            *(f"{definition}:*" for definition in definitions),
            wildcard="Every revision of our own job definitions",
        )
        allow(
            role,
            ["batch:ListJobs"],
            "*",
            wildcard="Batch offers no narrower resource for listing jobs",
        )

    def _allow_spark(self, role: iam.Role, execution_role: iam.Role) -> None:
        allow(role, ["emr-serverless:StartJobRun"], self._application_arn)
        runs = f"{self._application_arn}/jobruns/*"
        allow(role, ["emr-serverless:GetJobRun"], runs, wildcard=_RUNS)
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["iam:PassRole"],
                resources=[execution_role.role_arn],
                conditions={
                    "StringEquals": {"iam:PassedToService": "emr-serverless.amazonaws.com"}
                },
            )
        )

    def _uploads(self) -> None:
        """By the bucket's name: its object would tie the storage stack to this one in a circle."""
        bucket = s3.Bucket.from_bucket_name(self, "Uploads", self._storage.ingest_bucket_name)
        validate = notifications.LambdaDestination(self.validate)
        for prefix, suffix in ((INPUT_PREFIX, None), (DATASETS_PREFIX, f"/{SUCCESS_NAME}")):
            bucket.add_event_notification(
                s3.EventType.OBJECT_CREATED,
                validate,
                s3.NotificationKeyFilter(prefix=prefix, suffix=suffix),
            )
        handler = self.node.find_child(_NOTIFICATIONS_HANDLER)
        acknowledge(
            handler,
            "AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy"
            "/service-role/AWSLambdaBasicExecutionRole]",
            "CDK's own function, which sets the bucket's notifications when it deploys",
        )

    def _state_changes(self) -> None:
        """Only the states that move a job, of our own queues and application alone."""
        compute = self._compute
        batch = events.EventPattern(
            source=["aws.batch"],
            detail_type=["Batch Job State Change"],
            detail={
                "jobQueue": [compute.gpu_job_queue, compute.cpu_job_queue],
                "status": ["RUNNING", "SUCCEEDED", "FAILED"],
            },
        )
        spark = events.EventPattern(
            source=["aws.emr-serverless"],
            detail_type=["EMR Serverless Job Run State Change"],
            detail={
                "applicationId": [compute.spark_application_id],
                "state": ["RUNNING", "SUCCESS", "FAILED", "CANCELLED"],
            },
        )
        target = targets.SqsQueue(self.work_queue, dead_letter_queue=self.dead_letters)
        events.Rule(self, "BatchStates", event_pattern=batch, targets=[target])
        events.Rule(self, "SparkStates", event_pattern=spark, targets=[target])

    def _outputs(self) -> None:
        cdk.CfnOutput(self, "WorkQueueUrl", value=self.work_queue.queue_url)
        cdk.CfnOutput(self, "DeadLetterQueueUrl", value=self.dead_letters.queue_url)
        for name, function in (
            ("Validate", self.validate),
            ("Coordinate", self.coordinate),
            ("Analyze", self.analyze),
        ):
            group = function.log_group.log_group_name
            cdk.CfnOutput(self, f"{name}LogGroup", value=group)
