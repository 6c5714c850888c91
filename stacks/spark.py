"""What EMR Serverless runs: the scripts as assets, and the role they run as."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3_assets as assets
from constructs import Construct

from stacks.artifacts import ROOT, Artifacts
from stacks.permissions import allow_reading, allow_writing
from stacks.storage import LOGS_PREFIX

LOG_PREFIX = f"{LOGS_PREFIX}spark/"


class SparkJobs(Construct):
    """Every attribute named like a setting is the `s3://` URI of a published file.

    `results_bucket` is a bucket's name.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        artifacts: Artifacts,
        results_bucket: str,
        application_arn: str,
    ) -> None:
        super().__init__(scope, construct_id)
        self.execution_role = iam.Role(
            self,
            "ExecutionRole",
            assumed_by=iam.ServicePrincipal(
                "emr-serverless.amazonaws.com",
                conditions={
                    "StringEquals": {"aws:SourceAccount": cdk.Aws.ACCOUNT_ID},
                    "ArnLike": {"aws:SourceArn": application_arn},
                },
            ),
        )
        self.compare_script = self._publish("Compare", str(ROOT / "spark_jobs/compare.py"))
        self.dataframe_script = self._publish(
            "DataFrame", str(ROOT / "spark_jobs/dataframe_pipeline.py")
        )
        self.rdd_script = self._publish("Rdd", str(ROOT / "spark_jobs/rdd_pipeline.py"))
        self.modules = self._publish("Modules", str(artifacts.spark_modules))
        self.packages = self._publish("Packages", str(artifacts.spark_packages))
        self.log_prefix = f"s3://{results_bucket}/{LOG_PREFIX}"
        allow_reading(self.execution_role, results_bucket, "results/*")
        allow_writing(self.execution_role, results_bucket, "results/*/attempts/spark-*")
        allow_writing(self.execution_role, results_bucket, f"{LOG_PREFIX}*")

    def _publish(self, construct_id: str, path: str) -> str:
        asset = assets.Asset(self, construct_id, path=path)
        allow_reading(self.execution_role, asset.s3_bucket_name, asset.s3_object_key)
        return asset.s3_object_url
