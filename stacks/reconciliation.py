"""The reconcile function and its schedule."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from pipeline.settings import ReconcileSettings
from stacks.artifacts import Artifacts
from stacks.functions import PipelineFunction
from stacks.storage import StorageStack

PERIOD = cdk.Duration.minutes(1)
"""By so much an event that was lost delays a job."""


class Reconciliation(Construct):
    """`function` looks after the jobs that have not ended."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        artifacts: Artifacts,
        storage: StorageStack,
        work_queue: sqs.Queue,
        dead_letters: sqs.Queue,
    ) -> None:
        super().__init__(scope, construct_id)
        self.function = PipelineFunction(
            self,
            "Reconcile",
            artifacts=artifacts,
            name="reconcile",
            settings=ReconcileSettings(
                jobs_table=storage.jobs_table.table_name, work_queue_url=work_queue.queue_url
            ),
            timeout=cdk.Duration.minutes(5),
            memory_mb=512,
        )
        storage.allow_listing_records(self.function.own_role, "by_status")
        work_queue.grant_send_messages(self.function.own_role)
        target = targets.LambdaFunction(
            self.function,
            dead_letter_queue=dead_letters,
            # The next period brings another.
            retry_attempts=0,
        )
        events.Rule(self, "Period", schedule=events.Schedule.rate(PERIOD), targets=[target])
