"""Where jobs compute: AWS Batch for normalization, EMR Serverless for Spark. Cloud only.

Nothing here costs while nothing runs: no NAT gateway, and everything scales to zero.
"""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_emrserverless as emr
from constructs import Construct

from stacks.compute_targets import ComputeTargets
from stacks.network import Network
from stacks.normalization import CPU_NAME, GPU_NAME, NormalizationJobs

SPARK_RELEASE = "emr-spark-8.0.0"
# AWS grants a new account 16 vCPUs. A run takes ten of them, so a second one waits its turn.
SPARK_MAX_VCPUS = 16
SPARK_CONCURRENT_RUNS = 1
SPARK_QUEUE_MINUTES = 720

_SPARK_APPLICATION_EXPORT = "Bigdata-SparkApplicationId"


class ComputeStack(cdk.Stack):
    """`targets` says where to send work. The buckets are given by name."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        ingest_bucket: str,
        results_bucket: str,
        gpu_image: str | None,
    ) -> None:
        super().__init__(scope, construct_id)
        normalization = NormalizationJobs(
            self,
            "Normalization",
            network=Network(self, "Network"),
            ingest_bucket=ingest_bucket,
            results_bucket=results_bucket,
            gpu_image=gpu_image,
        )
        log_group = normalization.log_group.log_group_name
        cdk.CfnOutput(self, "NormalizeLogGroup", value=log_group)
        self._spark_application()
        self.targets = ComputeTargets(
            gpu_job_queue=self._batch_arn("job-queue", GPU_NAME),
            gpu_job_definition=self._batch_arn("job-definition", GPU_NAME),
            cpu_job_queue=self._batch_arn("job-queue", CPU_NAME),
            cpu_job_definition=self._batch_arn("job-definition", CPU_NAME),
            spark_application_id=cdk.Fn.import_value(_SPARK_APPLICATION_EXPORT),
        )

    def _batch_arn(self, resource: str, name: str) -> str:
        """By name: an exported ARN that carries a revision could never be updated."""
        return self.format_arn(service="batch", resource=resource, resource_name=name)

    def _spark_application(self) -> None:
        """No pre-initialized workers, so that an idle application costs nothing."""
        application = emr.CfnApplication(
            self,
            "Spark",
            name="bigdata-spark",
            release_label=SPARK_RELEASE,
            type="Spark",
            architecture="X86_64",
            auto_start_configuration=emr.CfnApplication.AutoStartConfigurationProperty(
                enabled=True
            ),
            auto_stop_configuration=emr.CfnApplication.AutoStopConfigurationProperty(
                enabled=True, idle_timeout_minutes=5
            ),
            maximum_capacity=emr.CfnApplication.MaximumAllowedResourcesProperty(
                cpu=f"{SPARK_MAX_VCPUS} vCPU", memory="64 GB", disk="200 GB"
            ),
            scheduler_configuration=emr.CfnApplication.SchedulerConfigurationProperty(
                max_concurrent_runs=SPARK_CONCURRENT_RUNS,
                queue_timeout_minutes=SPARK_QUEUE_MINUTES,
            ),
        )
        cdk.CfnOutput(
            self,
            "SparkApplicationId",
            value=application.attr_application_id,
            export_name=_SPARK_APPLICATION_EXPORT,
        )
