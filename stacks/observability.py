"""What tells people: an alarm on dead letters and one dashboard."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from stacks.api import ApiStack
from stacks.pipeline import PipelineStack


class ObservabilityStack(cdk.Stack):
    """A dead letter is work that nobody will do: one is enough for the alarm."""

    def __init__(
        self, scope: Construct, construct_id: str, *, pipeline: PipelineStack, api: ApiStack
    ) -> None:
        super().__init__(scope, construct_id)
        dead = pipeline.dead_letters.metric_approximate_number_of_messages_visible(
            period=cdk.Duration.minutes(1), statistic="Maximum"
        )
        cloudwatch.Alarm(
            self,
            "DeadLetters",
            metric=dead,
            threshold=0,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
            evaluation_periods=1,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
            alarm_description="Messages that the pipeline gave up on lie in the dead-letter queue",
        )
        functions = (
            pipeline.validate,
            pipeline.coordinate,
            pipeline.analyze,
            pipeline.reconcile,
            api.function,
        )
        queue = pipeline.work_queue
        waiting = queue.metric_approximate_number_of_messages_visible()
        oldest = queue.metric_approximate_age_of_oldest_message()
        cloudwatch.Dashboard(
            self,
            "Dashboard",
            dashboard_name="Bigdata",
            widgets=[
                [
                    _graph("Messages waiting, and given up on", [waiting, dead]),
                    _graph("Age of the oldest message (s)", [oldest]),
                ],
                [
                    _graph("Function errors", [f.metric_errors() for f in functions]),
                    _graph("Function durations (ms)", [f.metric_duration() for f in functions]),
                ],
                [
                    _graph("API requests", [api.http_api.metric_count()]),
                    _graph(
                        "API errors",
                        [api.http_api.metric_client_error(), api.http_api.metric_server_error()],
                    ),
                ],
            ],
        )


def _graph(title: str, metrics: list[cloudwatch.Metric]) -> cloudwatch.GraphWidget:
    return cloudwatch.GraphWidget(title=title, left=list(metrics), width=12)
