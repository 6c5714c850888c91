"""The coordinate function, what it may start, and the state changes that come back."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda_event_sources as event_sources
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from contracts.layout import FENCE_NAME, SPEC_NAME
from pipeline.settings import CoordinateSettings
from stacks.artifacts import Artifacts
from stacks.compute_targets import ComputeTargets
from stacks.functions import PipelineFunction
from stacks.permissions import allow, allow_reading, allow_writing
from stacks.spark import SparkJobs, allow_runs
from stacks.storage import StorageStack

TIMEOUT = cdk.Duration.seconds(60)


class Coordination(Construct):
    """`function` works off `work_queue`, where the events of our own computing arrive too."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        artifacts: Artifacts,
        storage: StorageStack,
        compute: ComputeTargets,
        work_queue: sqs.Queue,
        dead_letters: sqs.Queue,
        validate: PipelineFunction,
        analyze: PipelineFunction,
    ) -> None:
        super().__init__(scope, construct_id)
        self._compute = compute
        spark = SparkJobs(
            self,
            "Spark",
            artifacts=artifacts,
            results_bucket=storage.results_bucket_name,
            application_id=compute.spark_application_id,
        )
        self.function = PipelineFunction(
            self,
            "Coordinate",
            artifacts=artifacts,
            name="coordinate",
            settings=CoordinateSettings(
                jobs_table=storage.jobs_table.table_name,
                results_bucket=storage.results_bucket_name,
                work_queue_url=work_queue.queue_url,
                dead_letter_queue_url=dead_letters.queue_url,
                validate_function=validate.function_name,
                analyze_function=analyze.function_name,
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
                spark_python=artifacts.platform.spark_python,
                spark_log_prefix=spark.log_prefix,
            ),
            timeout=TIMEOUT,
            memory_mb=1024,
        )
        self.function.add_event_source(
            event_sources.SqsEventSource(
                work_queue, batch_size=10, max_concurrency=10, report_batch_item_failures=True
            )
        )
        role, results = self.function.own_role, storage.results_bucket_name
        storage.allow_records(role)
        storage.allow_listing_records(role, "by_source")
        allow_reading(role, results, "results/*")
        # What an upload asks for, when its validation has broken down.
        allow_reading(role, storage.ingest_bucket_name, "*")
        work_queue.grant_send_messages(role)
        dead_letters.grant_send_messages(role)
        for name in (SPEC_NAME, FENCE_NAME):
            allow_writing(role, results, f"results/*/attempts/*/{name}")
        allow(role, ["lambda:InvokeFunction"], validate.function_arn, analyze.function_arn)
        self._allow_batch(role)
        self._allow_spark(role, spark)
        self._state_changes(work_queue, dead_letters)

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
            ["batch:ListJobs", "batch:DescribeJobs"],
            "*",
            wildcard="Batch offers no narrower resource for listing and describing jobs",
        )
        allow(
            role,
            ["batch:TerminateJob"],
            cdk.Stack.of(self).format_arn(service="batch", resource="job", resource_name="*"),
            wildcard="A job's id is known only once it has been submitted",
        )

    def _allow_spark(self, role: iam.Role, spark: SparkJobs) -> None:
        starting = ["emr-serverless:StartJobRun", "emr-serverless:ListJobRuns"]
        allow(role, starting, spark.application_arn)
        allow_runs(role, self._compute.spark_application_id, "GetJobRun", "CancelJobRun")
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["iam:PassRole"],
                resources=[spark.execution_role.role_arn],
                conditions={
                    "StringEquals": {"iam:PassedToService": "emr-serverless.amazonaws.com"}
                },
            )
        )

    def _state_changes(self, work_queue: sqs.Queue, dead_letters: sqs.Queue) -> None:
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
        target = targets.SqsQueue(work_queue, dead_letter_queue=dead_letters)
        events.Rule(self, "BatchStates", event_pattern=batch, targets=[target])
        events.Rule(self, "SparkStates", event_pattern=spark, targets=[target])
