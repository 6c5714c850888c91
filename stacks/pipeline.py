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

from contracts.layout import DATASETS_PREFIX, INPUT_PREFIX, SUCCESS_NAME
from pipeline.settings import AnalyzeSettings, CoordinateSettings, ValidateSettings
from stacks.artifacts import Artifacts
from stacks.compute_targets import ComputeTargets
from stacks.functions import PipelineFunction
from stacks.permissions import allow, allow_querying, allow_reading, allow_writing
from stacks.spark import SparkJobs
from stacks.storage import JOB_INDEXES, StorageStack

COORDINATE_TIMEOUT = cdk.Duration.seconds(60)


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
            visibility_timeout=cdk.Duration.seconds(6 * COORDINATE_TIMEOUT.to_seconds()),
            dead_letter_queue=sqs.DeadLetterQueue(queue=self.dead_letters, max_receive_count=5),
        )
        self.spark = SparkJobs(
            self,
            "Spark",
            artifacts=artifacts,
            results_bucket=storage.results_bucket,
            application_arn=self._application_arn,
        )
        self.validate = self._validate(quiet_period_seconds)
        self.analyze = self._analyze()
        self.coordinate = self._coordinate()
        self._state_changes()
        cdk.CfnOutput(self, "WorkQueueUrl", value=self.work_queue.queue_url)
        cdk.CfnOutput(self, "DeadLetterQueueUrl", value=self.dead_letters.queue_url)
        for name in ("validate", "coordinate", "analyze"):
            function: PipelineFunction = getattr(self, name)
            group = function.log_group.log_group_name
            cdk.CfnOutput(self, f"{name.capitalize()}LogGroup", value=group)

    def _queue(self, construct_id: str, **options: object) -> sqs.Queue:
        return sqs.Queue(
            self,
            construct_id,
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            **options,  # type: ignore[arg-type]
        )

    def _validate(self, quiet_period_seconds: int) -> PipelineFunction:
        storage = self._storage
        layer = lambda_.LayerVersion(
            self,
            "ParquetLayer",
            code=lambda_.Code.from_asset(str(self._artifacts.parquet_layer)),
            description="pyarrow, for reading Parquet footers and sniffing text",
        )
        function = PipelineFunction(
            self,
            "Validate",
            artifacts=self._artifacts,
            name="validate_upload",
            settings=ValidateSettings(
                jobs_table=storage.jobs_table.table_name,
                results_bucket=storage.results_bucket.bucket_name,
                work_queue_url=self.work_queue.queue_url,
                quiet_period_seconds=quiet_period_seconds,
            ),
            timeout=cdk.Duration.seconds(60),
            memory_mb=1769,
            layers=(layer,),
            failures=destinations.SqsDestination(self.work_queue),
        )
        ingest, table = storage.ingest_bucket, storage.jobs_table
        allow_reading(function, ingest, "*")
        allow(
            function,
            ["s3:ListBucketVersions", "s3:ListBucketMultipartUploads"],
            ingest.bucket_arn,
        )
        allow_writing(function, storage.results_bucket, "results/*/manifest.json")
        actions = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"]
        allow(function, actions, table.table_arn)
        self.work_queue.grant_send_messages(function)

        self.add_stack_dependency(storage)
        uploads = s3.Bucket.from_bucket_name(self, "Uploads", storage.ingest_bucket_name)
        notify = notifications.LambdaDestination(function)
        created = s3.EventType.OBJECT_CREATED
        uploads.add_event_notification(
            created, notify, s3.NotificationKeyFilter(prefix=INPUT_PREFIX)
        )
        uploads.add_event_notification(
            created,
            notify,
            s3.NotificationKeyFilter(prefix=DATASETS_PREFIX, suffix=f"/{SUCCESS_NAME}"),
        )
        return function

    def _analyze(self) -> PipelineFunction:
        storage = self._storage
        function = PipelineFunction(
            self,
            "Analyze",
            artifacts=self._artifacts,
            name="analyze",
            settings=AnalyzeSettings(
                jobs_table=storage.jobs_table.table_name,
                results_bucket=storage.results_bucket.bucket_name,
                work_queue_url=self.work_queue.queue_url,
                aws_region=cdk.Aws.REGION,
            ),
            timeout=cdk.Duration.seconds(60),
            memory_mb=1024,
            failures=destinations.SqsDestination(self.work_queue),
        )
        allow_reading(function, storage.results_bucket, "results/*")
        allow_writing(function, storage.results_bucket, "results/*")
        allow(function, ["dynamodb:GetItem"], storage.jobs_table.table_arn)
        self.work_queue.grant_send_messages(function)
        allow(function, ["emr-serverless:GetJobRun"], f"{self._application_arn}/jobruns/*")
        allow(function, ["batch:DescribeJobs"], "*")
        return function

    def _coordinate(self) -> PipelineFunction:
        storage, compute, spark = self._storage, self._compute, self.spark
        function = PipelineFunction(
            self,
            "Coordinate",
            artifacts=self._artifacts,
            name="coordinate",
            settings=CoordinateSettings(
                jobs_table=storage.jobs_table.table_name,
                results_bucket=storage.results_bucket.bucket_name,
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
            timeout=COORDINATE_TIMEOUT,
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
        table = storage.jobs_table
        allow(function, ["dynamodb:GetItem", "dynamodb:PutItem"], table.table_arn)
        allow_querying(function, table, *JOB_INDEXES)
        allow_reading(function, storage.results_bucket, "results/*")
        allow_writing(function, storage.results_bucket, "results/*/attempts/*")
        arns = (self.validate.function_arn, self.analyze.function_arn)
        allow(function, ["lambda:InvokeFunction"], *arns)
        self._allow_batch(function)
        self._allow_spark(function)
        return function

    def _allow_batch(self, function: PipelineFunction) -> None:
        compute = self._compute
        allow(
            function,
            ["batch:SubmitJob"],
            compute.gpu_job_queue,
            compute.cpu_job_queue,
            compute.gpu_job_definition,
            compute.cpu_job_definition,
            f"{compute.gpu_job_definition}:*",
            f"{compute.cpu_job_definition}:*",
        )
        allow(function, ["batch:ListJobs"], "*")

    def _allow_spark(self, function: PipelineFunction) -> None:
        runs = f"{self._application_arn}/jobruns/*"
        allow(function, ["emr-serverless:StartJobRun"], self._application_arn)
        allow(function, ["emr-serverless:GetJobRun"], runs)
        function.add_to_role_policy(
            iam.PolicyStatement(
                actions=["iam:PassRole"],
                resources=[self.spark.execution_role.role_arn],
                conditions={
                    "StringEquals": {"iam:PassedToService": "emr-serverless.amazonaws.com"}
                },
            )
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
        for construct_id, pattern in (("BatchStates", batch), ("SparkStates", spark)):
            events.Rule(
                self,
                construct_id,
                event_pattern=pattern,
                targets=[targets.SqsQueue(self.work_queue, dead_letter_queue=self.dead_letters)],
            )
