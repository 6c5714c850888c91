"""The job queues, job definitions and Spark application that the project needs on the laptop.

In the cloud the compute stack makes them; here plain API calls do, as often as one likes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pipeline.compute_names import NORMALIZE_COMMAND

RELEASE_LABEL = "emr-spark-8.0.0"
APPLICATION_NAME = "bigdata-spark"

_TIMEOUT_S = 4 * 3600
_RETRY = {
    "attempts": 3,
    "evaluateOnExit": [
        {"onStatusReason": "Host EC2*", "action": "RETRY"},
        {"onReason": "*", "action": "EXIT"},
    ],
}


@dataclass(frozen=True)
class ComputeTargets:
    """Where the coordinator submits work: ARNs, and the id of the application."""

    gpu_job_queue: str
    gpu_job_definition: str
    cpu_job_queue: str
    cpu_job_definition: str
    spark_application_id: str


def register_targets(batch: Any, emr: Any) -> ComputeTargets:
    """Find or make all targets; `batch` and `emr` are boto3 clients of the local endpoint."""
    return ComputeTargets(
        gpu_job_queue=_job_queue(batch, "bigdata-gpu"),
        gpu_job_definition=_job_definition(batch, "bigdata-normalize-gpu", gpus=1),
        cpu_job_queue=_job_queue(batch, "bigdata-cpu"),
        cpu_job_definition=_job_definition(batch, "bigdata-normalize-cpu", gpus=0),
        spark_application_id=_application(emr),
    )


def _job_queue(batch: Any, name: str) -> str:
    found = batch.describe_job_queues(jobQueues=[name])["jobQueues"]
    if found:
        return str(found[0]["jobQueueArn"])
    answer = batch.create_job_queue(
        jobQueueName=name,
        priority=1,
        computeEnvironmentOrder=[{"order": 1, "computeEnvironment": "laptop"}],
    )
    return str(answer["jobQueueArn"])


def _job_definition(batch: Any, name: str, *, gpus: int) -> str:
    """A revision that is what this version asks for, else a new one."""
    resources = {"VCPU": "4", "MEMORY": "15000"} | ({"GPU": str(gpus)} if gpus else {})
    wanted = {
        "type": "container",
        "containerProperties": {
            "image": name,
            "command": list(NORMALIZE_COMMAND),
            "resourceRequirements": [
                {"type": kind, "value": value} for kind, value in resources.items()
            ],
        },
        "retryStrategy": _RETRY,
        "timeout": {"attemptDurationSeconds": _TIMEOUT_S},
    }
    pages = batch.get_paginator("describe_job_definitions").paginate(
        jobDefinitionName=name, status="ACTIVE"
    )
    for page in pages:
        for definition in page["jobDefinitions"]:
            if all(definition.get(member) == value for member, value in wanted.items()):
                return str(definition["jobDefinitionArn"])
    answer = batch.register_job_definition(jobDefinitionName=name, **wanted)
    return str(answer["jobDefinitionArn"])


def _application(emr: Any) -> str:
    for page in emr.get_paginator("list_applications").paginate():
        for application in page["applications"]:
            if (application["name"], application["releaseLabel"]) == (
                APPLICATION_NAME,
                RELEASE_LABEL,
            ):
                return str(application["id"])
    answer = emr.create_application(
        name=APPLICATION_NAME,
        releaseLabel=RELEASE_LABEL,
        type="SPARK",
        maximumCapacity={"cpu": "16 vCPU", "memory": "64 GB"},
    )
    return str(answer["applicationId"])
