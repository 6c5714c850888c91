"""A Lambda function of ours: its own role, its own log group, its environment from settings."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from pipeline.settings import to_environment
from stacks.artifacts import Artifacts
from stacks.permissions import acknowledge


class PipelineFunction(lambda_.Function):
    """Runs `handlers.<name>.handler`. `settings` are pipeline.settings' dataclass for it.

    `own_role` is its role and no other's; what it may do is added by whoever wires it.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        artifacts: Artifacts,
        name: str,
        settings: object,
        timeout: cdk.Duration,
        memory_mb: int,
        layers: tuple[lambda_.ILayerVersion, ...] = (),
        failures: lambda_.IDestination | None = None,
    ) -> None:
        log_group = logs.LogGroup(
            scope,
            f"{construct_id}Logs",
            retention=logs.RetentionDays.ONE_MONTH,
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
        role = iam.Role(
            scope,
            f"{construct_id}Role",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
        )
        log_group.grant_write(role)
        super().__init__(
            scope,
            construct_id,
            runtime=lambda_.Runtime(
                f"python{artifacts.platform.python_version}", lambda_.RuntimeFamily.PYTHON
            ),
            architecture=lambda_.Architecture.X86_64,
            code=lambda_.Code.from_asset(str(artifacts.functions)),
            handler=f"handlers.{name}.handler",
            environment={
                **to_environment(settings),
                "POWERTOOLS_SERVICE_NAME": name,
                "POWERTOOLS_LOG_LEVEL": "INFO",
            },
            role=role,
            log_group=log_group,
            timeout=timeout,
            memory_size=memory_mb,
            layers=list(layers),
            on_failure=failures,
            # A folder that settles for an hour, or an attempt that nobody can launch, goes round
            # through the work queue more than the 16 times at which Lambda would step in.
            recursive_loop=lambda_.RecursiveLoop.ALLOW,
        )
        self.own_role = role
        acknowledge(
            self,
            "AwsSolutions-L1",
            "The version in cdk.json is one that Lambda and EMR Serverless both offer",
        )
