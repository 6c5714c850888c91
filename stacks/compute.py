"""Where jobs compute: AWS Batch for normalization, EMR Serverless for Spark. Cloud only.

Nothing here costs while nothing runs: no NAT gateway, every environment scales to zero.
"""

from __future__ import annotations

from typing import cast

import aws_cdk as cdk
from aws_cdk import aws_batch as batch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecr_assets as ecr_assets
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_emrserverless as emr
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

from pipeline.compute_names import NORMALIZE_COMMAND
from stacks.artifacts import ROOT
from stacks.compute_targets import ComputeTargets
from stacks.permissions import acknowledge, allow_reading, allow_writing

GPU_NAME = "bigdata-normalize-gpu"
CPU_NAME = "bigdata-normalize-cpu"
GPU_INSTANCE_TYPES = ("g4dn.xlarge", "g5.xlarge", "g6.xlarge")
GPU_MAX_VCPUS = 16
CPU_MAX_VCPUS = 32
SPARK_APPLICATION_EXPORT = "Bigdata-SparkApplicationId"
SPARK_RELEASE = "emr-spark-8.0.0"
# EMR Serverless grants a new account 16 vCPUs; one job takes ten, so others wait their turn.
SPARK_MAX_VCPUS = 16
SPARK_CONCURRENT_RUNS = 1
DISK = cdk.Size.gibibytes(100)
NORMALIZE_TIMEOUT = cdk.Duration.hours(2)

_HOST_POLICY = "service-role/AmazonEC2ContainerServiceforEC2Role"

# What gpu_jobs/Dockerfile copies; all else stays out of the build context.
IMAGE_CONTEXT = ("contracts", "gpu_jobs", "requirements.txt")


class ComputeStack(cdk.Stack):
    """`targets` says where to send work. `gpu_image` is the URI of a ready image, or None."""

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
        self._image = self._container_image(gpu_image)
        self._log_group = logs.LogGroup(
            self,
            "NormalizeLogs",
            retention=logs.RetentionDays.ONE_MONTH,
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
        self._job_role = self._normalize_role(ingest_bucket, results_bucket)
        self._execution_role = self._container_execution_role()
        vpc = self._vpc()
        security_group = ec2.SecurityGroup(
            self,
            "Workers",
            vpc=vpc,
            description="Batch workers: nothing in, HTTPS out",
            allow_all_outbound=False,
        )
        security_group.add_egress_rule(ec2.Peer.any_ipv4(), ec2.Port.tcp(443), "HTTPS")
        self._gpu_queue(vpc, security_group)
        self._cpu_queue(vpc, security_group)
        application = self._spark_application()
        self._gpu_definition()
        self._cpu_definition()
        self.targets = ComputeTargets(
            gpu_job_queue=self._batch_arn("job-queue", GPU_NAME),
            gpu_job_definition=self._batch_arn("job-definition", GPU_NAME),
            cpu_job_queue=self._batch_arn("job-queue", CPU_NAME),
            cpu_job_definition=self._batch_arn("job-definition", CPU_NAME),
            spark_application_id=cdk.Fn.import_value(SPARK_APPLICATION_EXPORT),
        )
        cdk.CfnOutput(
            self,
            "SparkApplicationId",
            value=application.attr_application_id,
            export_name=SPARK_APPLICATION_EXPORT,
        )
        cdk.CfnOutput(self, "NormalizeLogGroup", value=self._log_group.log_group_name)

    def _batch_arn(self, resource: str, name: str) -> str:
        """By name: an exported ARN that carries a revision could never be updated."""
        return self.format_arn(service="batch", resource=resource, resource_name=name)

    def _container_image(self, gpu_image: str | None) -> ecs.ContainerImage:
        if gpu_image:
            return ecs.ContainerImage.from_registry(gpu_image)
        asset = ecr_assets.DockerImageAsset(
            self,
            "NormalizeImage",
            directory=str(ROOT),
            file="gpu_jobs/Dockerfile",
            platform=ecr_assets.Platform.LINUX_AMD64,
            exclude=["*", *(f"!{path}" for path in IMAGE_CONTEXT), "**/__pycache__"],
            ignore_mode=cdk.IgnoreMode.DOCKER,
        )
        return ecs.ContainerImage.from_docker_image_asset(asset)

    def _normalize_role(self, ingest: str, results: str) -> iam.Role:
        role = iam.Role(
            self, "NormalizeRole", assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com")
        )
        allow_reading(role, ingest, "*")
        allow_reading(role, results, "results/*")
        allow_writing(role, results, "results/*/attempts/normalize-*")
        return role

    def _container_execution_role(self) -> iam.Role:
        """What pulls the image and writes the log; CDK adds both permissions."""
        role = iam.Role(
            self, "ContainerRole", assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com")
        )
        acknowledge(
            role,
            "AwsSolutions-IAM5[Resource::*]",
            "ecr:GetAuthorizationToken works on no narrower resource",
        )
        return role

    def _vpc(self) -> ec2.Vpc:
        vpc = ec2.Vpc(
            self,
            "Network",
            max_azs=3,
            nat_gateways=0,
            subnet_configuration=[
                ec2.SubnetConfiguration(name="Public", subnet_type=ec2.SubnetType.PUBLIC)
            ],
            gateway_endpoints={
                "S3": ec2.GatewayVpcEndpointOptions(service=ec2.GatewayVpcEndpointAwsService.S3)
            },
        )
        flow_logs = logs.LogGroup(
            self,
            "NetworkLogs",
            retention=logs.RetentionDays.ONE_MONTH,
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
        vpc.add_flow_log("Flow", destination=ec2.FlowLogDestination.to_cloud_watch_logs(flow_logs))
        return vpc

    def _gpu_queue(self, vpc: ec2.Vpc, security_group: ec2.SecurityGroup) -> None:
        """Spot first; on demand when there is no spot capacity."""
        launch_template = ec2.LaunchTemplate(
            self,
            "GpuHost",
            require_imdsv2=True,
            http_put_response_hop_limit=1,
            block_devices=[
                ec2.BlockDevice(
                    device_name="/dev/xvda",
                    volume=ec2.BlockDeviceVolume.ebs(
                        DISK.to_gibibytes(),
                        volume_type=ec2.EbsDeviceVolumeType.GP3,
                        encrypted=True,
                    ),
                )
            ],
        )
        instance_role = iam.Role(
            self,
            "GpuHostRole",
            assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"),
            managed_policies=[iam.ManagedPolicy.from_aws_managed_policy_name(_HOST_POLICY)],
        )
        acknowledge(
            instance_role,
            f"AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/{_HOST_POLICY}]",
            "What the ECS agent on a Batch host needs, kept up to date by AWS",
        )
        environments = [
            batch.ManagedEc2EcsComputeEnvironment(
                self,
                construct_id,
                spot=spot,
                vpc=vpc,
                vpc_subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PUBLIC),
                security_groups=[security_group],
                instance_role=instance_role,
                launch_template=launch_template,
                images=[
                    batch.EcsMachineImage(image_type=batch.EcsMachineImageType.ECS_AL2023_NVIDIA)
                ],
                instance_types=[ec2.InstanceType(name) for name in GPU_INSTANCE_TYPES],
                use_optimal_instance_classes=False,
                minv_cpus=0,
                maxv_cpus=GPU_MAX_VCPUS,
            )
            for construct_id, spot in (("GpuSpot", True), ("GpuOnDemand", False))
        ]
        queue = batch.JobQueue(self, "GpuQueue", job_queue_name=GPU_NAME)
        for order, environment in enumerate(environments, start=1):
            # CDK names no version, which means the first one for ever.
            resource = cast(batch.CfnComputeEnvironment, environment.node.default_child)
            resource.add_property_override(
                "ComputeResources.LaunchTemplate.Version", launch_template.latest_version_number
            )
            queue.add_compute_environment(environment, order)

    def _cpu_queue(self, vpc: ec2.Vpc, security_group: ec2.SecurityGroup) -> None:
        """Fargate: starts sooner than an instance boots, and bills what the job reserves."""
        queue = batch.JobQueue(self, "CpuQueue", job_queue_name=CPU_NAME)
        queue.add_compute_environment(
            batch.FargateComputeEnvironment(
                self,
                "Cpu",
                vpc=vpc,
                vpc_subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PUBLIC),
                security_groups=[security_group],
                maxv_cpus=CPU_MAX_VCPUS,
            ),
            1,
        )

    def _gpu_definition(self) -> None:
        """One GPU and what Batch leaves of an xlarge's 16 GiB."""
        self._definition(
            "NormalizeOnGpu",
            GPU_NAME,
            batch.EcsEc2ContainerDefinition(
                self,
                "GpuContainer",
                image=self._image,
                command=list(NORMALIZE_COMMAND),
                cpu=4,
                gpu=1,
                memory=cdk.Size.gibibytes(14),
                job_role=self._job_role,
                execution_role=self._execution_role,
                logging=self._logging("gpu"),
            ),
        )

    def _cpu_definition(self) -> None:
        self._definition(
            "NormalizeOnCpu",
            CPU_NAME,
            batch.EcsFargateContainerDefinition(
                self,
                "CpuContainer",
                image=self._image,
                command=list(NORMALIZE_COMMAND),
                cpu=4,
                memory=cdk.Size.gibibytes(16),
                ephemeral_storage_size=DISK,
                assign_public_ip=True,
                job_role=self._job_role,
                execution_role=self._execution_role,
                logging=self._logging("cpu"),
            ),
        )

    def _definition(
        self, construct_id: str, name: str, container: batch.IEcsContainerDefinition
    ) -> None:
        """Batch retries the loss of a host by itself; all else is the coordinator's to decide."""
        batch.EcsJobDefinition(
            self,
            construct_id,
            job_definition_name=name,
            container=container,
            retry_attempts=3,
            retry_strategies=[
                batch.RetryStrategy.of(batch.Action.RETRY, batch.Reason.SPOT_INSTANCE_RECLAIMED),
                batch.RetryStrategy.of(batch.Action.EXIT, batch.Reason.custom(on_reason="*")),
            ],
            timeout=NORMALIZE_TIMEOUT,
        )

    def _logging(self, prefix: str) -> ecs.LogDriver:
        return ecs.LogDriver.aws_logs(stream_prefix=prefix, log_group=self._log_group)

    def _spark_application(self) -> emr.CfnApplication:
        """No pre-initialized workers, so that an idle application costs nothing."""
        return emr.CfnApplication(
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
                max_concurrent_runs=SPARK_CONCURRENT_RUNS, queue_timeout_minutes=720
            ),
        )
