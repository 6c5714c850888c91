"""Normalization on AWS Batch: one image, a GPU queue and a CPU queue, both scaling to zero."""

from __future__ import annotations

import re
from typing import cast

import aws_cdk as cdk
from aws_cdk import aws_batch as batch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecr_assets as ecr_assets
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

from pipeline.compute_names import NORMALIZE_COMMAND
from stacks.artifacts import ROOT
from stacks.network import Network
from stacks.permissions import acknowledge, allow, allow_reading, allow_writing

GPU_NAME = "bigdata-normalize-gpu"
CPU_NAME = "bigdata-normalize-cpu"
GPU_INSTANCE_TYPES = ("g4dn.xlarge", "g5.xlarge", "g6.xlarge")
GPU_MAX_VCPUS = 16
CPU_MAX_VCPUS = 32
DISK = cdk.Size.gibibytes(100)
TIMEOUT = cdk.Duration.hours(2)

# What gpu_jobs/Dockerfile copies; all else stays out of the build context.
IMAGE_CONTEXT = ("contracts", "gpu_jobs")

_ECR_IMAGE = re.compile(r"(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com/([^:@]+)(?:[:@].+)?")
_PULLING = ("ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage")
_TOKEN = "ecr:GetAuthorizationToken works on no narrower resource"

# As Lambda has it in its functions; botocore reads the second.
_REGION = {"AWS_REGION": cdk.Aws.REGION, "AWS_DEFAULT_REGION": cdk.Aws.REGION}

_HOST_POLICY = "service-role/AmazonEC2ContainerServiceforEC2Role"


class NormalizationJobs(Construct):
    """Queues and job definitions under the names GPU_NAME and CPU_NAME.

    The buckets are given by name. `gpu_image` is the URI of a ready image; None has CDK build
    gpu_jobs/Dockerfile, which is the only thing that needs Docker, and only when it deploys.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        network: Network,
        ingest_bucket: str,
        results_bucket: str,
        gpu_image: str | None,
    ) -> None:
        super().__init__(scope, construct_id)
        self._network = network
        self._image = self._container_image(gpu_image)
        self._execution_role = self._container_execution_role()
        if gpu_image:
            self._allow_pulling(gpu_image)
        self.log_group = logs.LogGroup(
            self,
            "Logs",
            retention=logs.RetentionDays.ONE_MONTH,
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
        self._job_role = iam.Role(
            self, "JobRole", assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com")
        )
        allow_reading(self._job_role, ingest_bucket, "*")
        allow_reading(self._job_role, results_bucket, "results/*")
        allow_writing(self._job_role, results_bucket, "results/*/attempts/normalize-*")
        self._gpu_queue()
        self._cpu_queue()
        self._gpu_definition()
        self._cpu_definition()

    def _container_image(self, gpu_image: str | None) -> ecs.ContainerImage:
        if gpu_image:
            cdk.Annotations.of(self).acknowledge_warning(
                "@aws-cdk/aws-ecs:ecrImageRequiresPolicy", "_allow_pulling grants it"
            )
            return ecs.ContainerImage.from_registry(gpu_image)
        asset = ecr_assets.DockerImageAsset(
            self,
            "Image",
            directory=str(ROOT),
            file="gpu_jobs/Dockerfile",
            platform=ecr_assets.Platform.LINUX_AMD64,
            exclude=["*", *(f"!{path}" for path in IMAGE_CONTEXT), "**/__pycache__"],
            ignore_mode=cdk.IgnoreMode.DOCKER,
        )
        return ecs.ContainerImage.from_docker_image_asset(asset)

    def _container_execution_role(self) -> iam.Role:
        """What pulls the image and writes the log; CDK adds both permissions for its own image."""
        role = iam.Role(
            self, "ExecutionRole", assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com")
        )
        acknowledge(role, "AwsSolutions-IAM5[Resource::*]", _TOKEN)
        return role

    def _allow_pulling(self, image: str) -> None:
        """Only from a private ECR repository; other registries know nothing of our roles."""
        place = _ECR_IMAGE.fullmatch(image)
        if not place:
            return
        account, region, name = place.groups()
        repository = cdk.Stack.of(self).format_arn(
            service="ecr",
            account=account,
            region=region,
            resource="repository",
            resource_name=name,
        )
        allow(self._execution_role, list(_PULLING), repository)
        allow(self._execution_role, ["ecr:GetAuthorizationToken"], "*", wildcard=_TOKEN)

    def _gpu_queue(self) -> None:
        """Spot first; on demand when there is no spot capacity."""
        role = iam.Role(
            self,
            "HostRole",
            assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"),
            managed_policies=[iam.ManagedPolicy.from_aws_managed_policy_name(_HOST_POLICY)],
        )
        acknowledge(
            role,
            f"AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/{_HOST_POLICY}]",
            "What the ECS agent on a Batch host needs, kept up to date by AWS",
        )
        template = self._launch_template()
        queue = batch.JobQueue(self, "GpuQueue", job_queue_name=GPU_NAME)
        for order, (construct_id, spot) in enumerate(
            (("GpuSpot", True), ("GpuOnDemand", False)), start=1
        ):
            environment = batch.ManagedEc2EcsComputeEnvironment(
                self,
                construct_id,
                spot=spot,
                vpc=self._network.vpc,
                vpc_subnets=self._network.subnets,
                security_groups=[self._network.security_group],
                instance_role=role,
                launch_template=template,
                images=[
                    batch.EcsMachineImage(image_type=batch.EcsMachineImageType.ECS_AL2023_NVIDIA)
                ],
                instance_types=[ec2.InstanceType(name) for name in GPU_INSTANCE_TYPES],
                use_optimal_instance_classes=False,
                minv_cpus=0,
                maxv_cpus=GPU_MAX_VCPUS,
            )
            # CDK names no version of the template, which means the first one for ever.
            resource = cast(batch.CfnComputeEnvironment, environment.node.default_child)
            resource.add_property_override(
                "ComputeResources.LaunchTemplate.Version", template.latest_version_number
            )
            queue.add_compute_environment(environment, order)

    def _launch_template(self) -> ec2.LaunchTemplate:
        disk = ec2.BlockDeviceVolume.ebs(
            DISK.to_gibibytes(), volume_type=ec2.EbsDeviceVolumeType.GP3, encrypted=True
        )
        return ec2.LaunchTemplate(
            self,
            "GpuHost",
            require_imdsv2=True,
            http_put_response_hop_limit=1,
            block_devices=[ec2.BlockDevice(device_name="/dev/xvda", volume=disk)],
        )

    def _cpu_queue(self) -> None:
        """Fargate: starts sooner than an instance boots, and bills what the job reserves."""
        environment = batch.FargateComputeEnvironment(
            self,
            "Cpu",
            vpc=self._network.vpc,
            vpc_subnets=self._network.subnets,
            security_groups=[self._network.security_group],
            maxv_cpus=CPU_MAX_VCPUS,
        )
        queue = batch.JobQueue(self, "CpuQueue", job_queue_name=CPU_NAME)
        queue.add_compute_environment(environment, 1)

    def _gpu_definition(self) -> None:
        """One GPU and what Batch leaves of an xlarge's 16 GiB."""
        container = batch.EcsEc2ContainerDefinition(
            self,
            "GpuContainer",
            image=self._image,
            command=list(NORMALIZE_COMMAND),
            environment=_REGION,
            cpu=4,
            gpu=1,
            memory=cdk.Size.gibibytes(14),
            job_role=self._job_role,
            execution_role=self._execution_role,
            logging=ecs.LogDriver.aws_logs(stream_prefix="gpu", log_group=self.log_group),
        )
        self._definition("OnGpu", GPU_NAME, container)

    def _cpu_definition(self) -> None:
        container = batch.EcsFargateContainerDefinition(
            self,
            "CpuContainer",
            image=self._image,
            command=list(NORMALIZE_COMMAND),
            environment=_REGION,
            cpu=4,
            memory=cdk.Size.gibibytes(16),
            ephemeral_storage_size=DISK,
            assign_public_ip=True,
            job_role=self._job_role,
            execution_role=self._execution_role,
            logging=ecs.LogDriver.aws_logs(stream_prefix="cpu", log_group=self.log_group),
        )
        self._definition("OnCpu", CPU_NAME, container)

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
            timeout=TIMEOUT,
        )
