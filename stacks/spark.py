"""What EMR Serverless runs: the scripts as assets, and the role they run as."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3_assets as assets
from constructs import Construct

from stacks.artifacts import ROOT, Artifacts
from stacks.permissions import allow, allow_reading, allow_writing
from stacks.storage import LOGS_PREFIX


def allow_runs(role: iam.Role, application_id: str, *actions: str) -> None:
    """Let `role` do `actions`, such as GetJobRun, on the runs of the application."""
    allow(
        role,
        [f"emr-serverless:{action}" for action in actions],
        f"{_application_arn(application_id)}/jobruns/*",
        wildcard="A run's id is known only once it has been started; the application is ours alone",
    )


class SparkJobs(Construct):
    """Scripts, `modules` and `packages` are the `s3://` URIs of published files.

    `results_bucket` is a bucket's name.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        artifacts: Artifacts,
        results_bucket: str,
        application_id: str,
    ) -> None:
        super().__init__(scope, construct_id)
        self.application_arn = _application_arn(application_id)
        self.execution_role = iam.Role(
            self,
            "ExecutionRole",
            assumed_by=iam.ServicePrincipal(
                "emr-serverless.amazonaws.com",
                conditions={
                    "StringEquals": {"aws:SourceAccount": cdk.Aws.ACCOUNT_ID},
                    # EMR names as the source its application, or the run in it.
                    "ArnLike": {
                        "aws:SourceArn": [self.application_arn, f"{self.application_arn}/jobruns/*"]
                    },
                },
            ),
        )
        self.compare_script = self._publish("Compare", str(ROOT / "spark_jobs/compare.py"))
        self.dataframe_script = self._publish(
            "DataFrame", str(ROOT / "spark_jobs/dataframe_pipeline.py")
        )
        self.modules = self._publish("Modules", str(artifacts.spark_modules))
        self.packages = self._publish("Packages", str(artifacts.spark_packages))
        self.log_prefix = f"s3://{results_bucket}/{LOGS_PREFIX}spark/"
        allow_reading(self.execution_role, results_bucket, "results/*")
        allow_writing(self.execution_role, results_bucket, "results/*/attempts/spark-*")
        allow_writing(self.execution_role, results_bucket, f"{LOGS_PREFIX}spark/*")

    def _publish(self, construct_id: str, path: str) -> str:
        asset = assets.Asset(self, construct_id, path=path)
        allow_reading(self.execution_role, asset.s3_bucket_name, asset.s3_object_key)
        return asset.s3_object_url


def _application_arn(application_id: str) -> str:
    place = f"{cdk.Aws.PARTITION}:emr-serverless:{cdk.Aws.REGION}:{cdk.Aws.ACCOUNT_ID}"
    return f"arn:{place}:/applications/{application_id}"
