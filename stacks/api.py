"""The HTTP API: one route for everything, closed by IAM unless the context opens it."""

from __future__ import annotations

import aws_cdk as cdk
import jsii
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_apigatewayv2_authorizers as authorizers
from aws_cdk import aws_apigatewayv2_integrations as integrations
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from contracts.layout import INLINE_PREFIX
from pipeline.settings import ApiSettings
from stacks.artifacts import Artifacts
from stacks.functions import PipelineFunction
from stacks.permissions import allow_reading, allow_writing
from stacks.storage import StorageStack


@jsii.implements(apigateway.IAccessLogSettings)
class _AccessLogs:
    """CDK types this setting as an interface and ships no class for it."""

    def __init__(self, destination: apigateway.IAccessLogDestination) -> None:
        self._destination = destination

    @property
    def destination(self) -> apigateway.IAccessLogDestination:
        return self._destination

    @property
    def format(self) -> None:
        return None


class ApiStack(cdk.Stack):
    """`auth` is `iam` (requests signed with SigV4) or `none`."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        artifacts: Artifacts,
        storage: StorageStack,
        work_queue: sqs.IQueue,
        dead_letters: sqs.IQueue,
        auth: str,
    ) -> None:
        super().__init__(scope, construct_id)
        if auth not in ("iam", "none"):
            raise ValueError(f"api_auth is iam or none, not {auth!r}")
        self.function = self._function(artifacts, storage, work_queue, dead_letters)
        self.http_api = apigateway.HttpApi(
            self,
            "Http",
            create_default_stage=False,
            default_integration=integrations.HttpLambdaIntegration("Function", self.function),
            default_authorizer=authorizers.HttpIamAuthorizer() if auth == "iam" else None,
        )
        self._stage()
        cdk.CfnOutput(self, "ApiUrl", value=self.http_api.api_endpoint)
        cdk.CfnOutput(self, "ApiId", value=self.http_api.api_id)
        cdk.CfnOutput(self, "ApiLogGroup", value=self.function.log_group.log_group_name)

    def _function(
        self,
        artifacts: Artifacts,
        storage: StorageStack,
        work_queue: sqs.IQueue,
        dead_letters: sqs.IQueue,
    ) -> PipelineFunction:
        function = PipelineFunction(
            self,
            "Api",
            artifacts=artifacts,
            name="api",
            settings=ApiSettings(
                jobs_table=storage.jobs_table.table_name,
                ingest_bucket=storage.ingest_bucket_name,
                results_bucket=storage.results_bucket_name,
                work_queue_url=work_queue.queue_url,
                dead_letter_queue_url=dead_letters.queue_url,
                aws_region=cdk.Aws.REGION,
            ),
            timeout=cdk.Duration.seconds(28),
            memory_mb=1024,
        )
        role = function.own_role
        storage.allow_records(role)
        storage.allow_listing_records(role, "by_created", "by_status", "by_source")
        allow_reading(role, storage.results_bucket_name, "results/*")
        allow_writing(role, storage.ingest_bucket_name, f"{INLINE_PREFIX}*")
        allow_reading(role, storage.ingest_bucket_name, f"{INLINE_PREFIX}*")
        # Of a rerun, which has its own.
        allow_writing(role, storage.results_bucket_name, "results/*-rerun-*/manifest.json")
        work_queue.grant_send_messages(role)
        dead_letters.grant_consume_messages(role)
        return function

    def _stage(self) -> None:
        access_logs = logs.LogGroup(
            self,
            "AccessLogs",
            retention=logs.RetentionDays.ONE_MONTH,
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
        apigateway.HttpStage(
            self,
            "Stage",
            http_api=self.http_api,
            stage_name="$default",
            auto_deploy=True,
            throttle=apigateway.ThrottleSettings(rate_limit=50, burst_limit=100),
            access_log_settings=_AccessLogs(apigateway.LogGroupLogDestination(access_logs)),
        )
