"""The flow: upload, validate, work queue, coordinate, analyze, and the events that come back."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_lambda_destinations as destinations
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from contracts.layout import NORMALIZED_PREFIX
from pipeline.settings import MAX_RECEIVES, AnalyzeSettings
from stacks.artifacts import Artifacts
from stacks.compute_targets import ComputeTargets
from stacks.coordination import TIMEOUT as COORDINATE_TIMEOUT
from stacks.coordination import Coordination
from stacks.functions import PipelineFunction
from stacks.permissions import allow_deleting, allow_reading, allow_writing
from stacks.reconciliation import Reconciliation
from stacks.spark import allow_runs
from stacks.storage import StorageStack
from stacks.validation import Validation


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
        engines: str,
    ) -> None:
        super().__init__(scope, construct_id)
        self.add_stack_dependency(storage)
        self._queues()
        self.validate = Validation(
            self,
            "Validation",
            artifacts=artifacts,
            storage=storage,
            work_queue=self.work_queue,
            quiet_period_seconds=quiet_period_seconds,
            engines=engines,
        ).function
        self.analyze = self._analyze(artifacts, storage, compute.spark_application_id)
        self.coordinate = Coordination(
            self,
            "Coordination",
            artifacts=artifacts,
            storage=storage,
            compute=compute,
            work_queue=self.work_queue,
            dead_letters=self.dead_letters,
            validate=self.validate,
            analyze=self.analyze,
        ).function
        self.reconcile = Reconciliation(
            self,
            "Reconciliation",
            artifacts=artifacts,
            storage=storage,
            work_queue=self.work_queue,
            dead_letters=self.dead_letters,
        ).function
        self._outputs()

    def _queues(self) -> None:
        self.dead_letters = sqs.Queue(
            self,
            "DeadLetters",
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=cdk.Duration.days(14),
        )
        self.work_queue = sqs.Queue(
            self,
            "Work",
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            # Lambda asks for six times the timeout of the function behind a queue.
            visibility_timeout=cdk.Duration.seconds(6 * COORDINATE_TIMEOUT.to_seconds()),
            dead_letter_queue=sqs.DeadLetterQueue(
                queue=self.dead_letters, max_receive_count=MAX_RECEIVES
            ),
        )

    def _analyze(
        self, artifacts: Artifacts, storage: StorageStack, spark_application_id: str
    ) -> PipelineFunction:
        results = storage.results_bucket_name
        function = PipelineFunction(
            self,
            "Analyze",
            artifacts=artifacts,
            name="analyze",
            settings=AnalyzeSettings(
                results_bucket=results,
                work_queue_url=self.work_queue.queue_url,
                aws_region=cdk.Aws.REGION,
            ),
            timeout=cdk.Duration.seconds(60),
            memory_mb=1024,
            failures=destinations.SqsDestination(self.work_queue),
        )
        role = function.own_role
        allow_reading(role, results, "results/*")
        allow_writing(role, results, "results/*/attempts/analyze-*")
        allow_writing(role, results, "results/*/report.json")
        allow_deleting(role, results, f"results/*/attempts/normalize-*/{NORMALIZED_PREFIX}*")
        allow_runs(role, spark_application_id, "GetJobRun")
        self.work_queue.grant_send_messages(role)
        return function

    def _outputs(self) -> None:
        cdk.CfnOutput(self, "WorkQueueUrl", value=self.work_queue.queue_url)
        cdk.CfnOutput(self, "DeadLetterQueueUrl", value=self.dead_letters.queue_url)
        for name, function in (
            ("Validate", self.validate),
            ("Coordinate", self.coordinate),
            ("Analyze", self.analyze),
            ("Reconcile", self.reconcile),
        ):
            cdk.CfnOutput(self, f"{name}Function", value=function.function_name)
            group = function.log_group.log_group_name
            cdk.CfnOutput(self, f"{name}LogGroup", value=group)
