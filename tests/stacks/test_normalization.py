import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from analysis.prices import CPU_TASK_GB, CPU_TASK_VCPUS
from pipeline.compute_names import NORMALIZE_COMMAND
from stacks.artifacts import ROOT

REPOSITORY = "arn:aws:ecr:eu-west-1:123456789012:repository"
REGISTRY = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"


def definition(assembly: Any, platform: str) -> dict[str, Any]:
    definitions = assembly.of_type("AWS::Batch::JobDefinition")
    (found,) = (d for d in definitions if d["PlatformCapabilities"] == [platform])
    return found


def requirements(assembly: Any, platform: str) -> dict[str, float]:
    container = definition(assembly, platform)["ContainerProperties"]
    return {need["Type"]: float(need["Value"]) for need in container["ResourceRequirements"]}


def environments(assembly: Any, queue_kind: str) -> list[dict[str, Any]]:
    """The compute environments of the gpu or the cpu queue, in the order they are tried."""
    resources = assembly.templates["Bigdata-Compute"]["Resources"]
    queues = assembly.of_type("AWS::Batch::JobQueue")
    (queue,) = (q for q in queues if q["JobQueueName"].endswith(queue_kind))
    order = sorted(queue["ComputeEnvironmentOrder"], key=lambda entry: entry["Order"])
    names = [entry["ComputeEnvironment"]["Fn::GetAtt"][0] for entry in order]
    return [resources[name]["Properties"]["ComputeResources"] for name in names]


def test_a_gpu_comes_from_spot_and_only_then_on_demand(assembly: Any) -> None:
    assert [e["Type"] for e in environments(assembly, "gpu")] == ["SPOT", "EC2"]


def test_gpu_hosts_scale_to_zero_and_not_far_up(assembly: Any) -> None:
    for environment in environments(assembly, "gpu"):
        assert environment["MinvCpus"] == 0
        assert environment["MaxvCpus"] <= 16


def test_gpu_hosts_are_of_several_families_and_of_nothing_else(assembly: Any) -> None:
    for environment in environments(assembly, "gpu"):
        families = {name.partition(".")[0] for name in environment["InstanceTypes"]}
        assert families == {"g4dn", "g5", "g6"}
        assert environment["Ec2Configuration"] == [{"ImageType": "ECS_AL2023_NVIDIA"}]


def test_a_changed_launch_template_reaches_the_hosts(assembly: Any) -> None:
    for environment in environments(assembly, "gpu"):
        (attribute,) = environment["LaunchTemplate"]["Version"].values()
        assert attribute[1] == "LatestVersionNumber"


def test_gpu_hosts_have_an_encrypted_disk_and_guarded_credentials(assembly: Any) -> None:
    (template,) = assembly.of_type("AWS::EC2::LaunchTemplate")
    data = template["LaunchTemplateData"]
    (device,) = data["BlockDeviceMappings"]
    assert device["Ebs"]["Encrypted"]
    assert device["Ebs"]["VolumeType"] == "gp3"
    assert data["MetadataOptions"]["HttpTokens"] == "required"


def test_the_cpu_queue_has_no_hosts_of_its_own(assembly: Any) -> None:
    (environment,) = environments(assembly, "cpu")
    assert environment["Type"] == "FARGATE"
    network = definition(assembly, "FARGATE")["ContainerProperties"]["NetworkConfiguration"]
    assert network == {"AssignPublicIp": "ENABLED"}


def test_a_cpu_job_reserves_what_the_report_prices(assembly: Any) -> None:
    needs = requirements(assembly, "FARGATE")
    assert needs == {"VCPU": CPU_TASK_VCPUS, "MEMORY": CPU_TASK_GB * 1024}


def test_a_gpu_job_fits_the_smallest_host(assembly: Any) -> None:
    needs = requirements(assembly, "EC2")
    assert needs["GPU"] == 1
    assert needs["VCPU"] <= 4
    assert needs["MEMORY"] < 15 * 1024


@pytest.mark.parametrize("platform", ["EC2", "FARGATE"])
def test_batch_retries_the_loss_of_a_host_and_nothing_else(assembly: Any, platform: str) -> None:
    job = definition(assembly, platform)
    assert job["RetryStrategy"] == {
        "Attempts": 3,
        "EvaluateOnExit": [
            {"Action": "RETRY", "OnStatusReason": "Host EC2*"},
            {"Action": "EXIT", "OnReason": "*"},
        ],
    }
    assert job["Timeout"]["AttemptDurationSeconds"] > 0


@pytest.mark.parametrize("platform", ["EC2", "FARGATE"])
def test_the_container_runs_the_one_command(assembly: Any, platform: str) -> None:
    assert definition(assembly, platform)["ContainerProperties"]["Command"] == list(
        NORMALIZE_COMMAND
    )


@pytest.mark.parametrize("platform", ["EC2", "FARGATE"])
def test_the_container_knows_its_region(assembly: Any, platform: str) -> None:
    variables = definition(assembly, platform)["ContainerProperties"]["Environment"]
    assert {variable["Name"]: assembly.text(variable["Value"]) for variable in variables} == {
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
    }


def pulling(assembly: Any) -> dict[str, str]:
    """What of ECR the container's execution role may do, each on which resource."""
    role = definition(assembly, "EC2")["ContainerProperties"]["ExecutionRoleArn"]
    allowed = {}
    for statement in assembly.statements(role):
        actions = statement["Action"]
        for action in [actions] if isinstance(actions, str) else actions:
            allowed[action] = assembly.text(statement["Resource"])
    return {action: place for action, place in allowed.items() if action.startswith("ecr:")}


@pytest.mark.parametrize(
    ("image", "name"),
    [
        (f"{REGISTRY}/normalize", "normalize"),
        (f"{REGISTRY}/team/normalize:1.0", "team/normalize"),
        (f"{REGISTRY}/normalize@sha256:{'0' * 64}", "normalize"),
    ],
)
def test_an_image_of_a_private_ecr_repository_may_be_pulled(
    synthesize: Callable[..., Any], image: str, name: str
) -> None:
    assembly = synthesize(gpu_image=image)
    assert definition(assembly, "EC2")["ContainerProperties"]["Image"] == image
    assert pulling(assembly) == {
        "ecr:GetAuthorizationToken": "*",
        "ecr:BatchCheckLayerAvailability": f"{REPOSITORY}/{name}",
        "ecr:GetDownloadUrlForLayer": f"{REPOSITORY}/{name}",
        "ecr:BatchGetImage": f"{REPOSITORY}/{name}",
    }


def test_an_image_of_another_registry_needs_no_permission(synthesize: Callable[..., Any]) -> None:
    assert pulling(synthesize(gpu_image="public.ecr.aws/team/normalize:1.0")) == {}


def test_the_readme_installs_the_cupy_of_the_image() -> None:
    pinned = re.search(
        r"^cupy-cuda12x==.+$", (ROOT / "gpu_jobs/requirements.txt").read_text(), re.M
    )
    assert pinned
    assert pinned[0].replace("==", "[ctk]==") in (ROOT / "README.md").read_text()


def test_the_job_role_reads_datasets_and_writes_its_attempts_alone(assembly: Any) -> None:
    role = definition(assembly, "EC2")["ContainerProperties"]["JobRoleArn"]
    statements = assembly.statements(role)
    written = [s["Resource"] for s in statements if "s3:PutObject" in s["Action"]]
    results = "arn:aws:s3:::bigdata-results-123456789012-eu-west-1/results"
    assert [assembly.text(resource) for resource in written] == [
        f"{results}/*/attempts/normalize-*"
    ]


def test_the_image_is_built_from_what_its_dockerfile_copies_and_nothing_else(assembly: Any) -> None:
    assets = json.loads((assembly.folder / "Bigdata-Compute.assets.json").read_text())
    (image,) = assets["dockerImages"].values()
    context = assembly.folder / image["source"]["directory"]
    lines = (context / image["source"]["dockerFile"]).read_text().splitlines()
    copied = [line.split()[1] for line in lines if line.startswith("COPY ")]
    assert all((context / path).exists() for path in copied)
    assert {path.name for path in context.iterdir()} == {path.split("/")[0] for path in copied}
    assert not list(context.rglob("__pycache__"))
