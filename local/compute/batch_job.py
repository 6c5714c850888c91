"""What a Batch job is: pure functions over AWS' own structures.

A job is kept as the model's JobDetail, which is what DescribeJobs answers and events carry.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from typing import Any

from local.compute.arns import Arns
from local.compute.store import Document

WAITING = ("SUBMITTED", "PENDING", "RUNNABLE")
ENDED = ("SUCCEEDED", "FAILED")
CONTAINER_EXITED = "Essential container in task exited"
CONTAINER_FAILED_TO_START = "Task failed to start"
TIMED_OUT = "Job attempt duration exceeded timeout"
HOST_LOST = "Host EC2 (instance local) terminated."

_UNFILLED = ("volumes", "environment", "mountPoints", "ulimits", "secrets", "resourceRequirements")


def new_job(
    request: Mapping[str, Any], definition: Document, queue_arn: str, arns: Arns, now_ms: int
) -> Document:
    """The JobDetail of a SubmitJob request, in SUBMITTED."""
    job_id = str(uuid.uuid4())
    properties = definition["containerProperties"]
    overrides = request.get("containerOverrides", {})
    container = {
        **{name: [] for name in _UNFILLED},
        **properties,
        **overrides,
        "environment": _environment(properties, overrides),
        "networkInterfaces": [],
    }
    job = {
        "jobArn": arns.batch("job", job_id),
        "jobId": job_id,
        "jobName": request["jobName"],
        "jobQueue": queue_arn,
        "jobDefinition": definition["jobDefinitionArn"],
        "status": "SUBMITTED",
        "attempts": [],
        "createdAt": now_ms,
        "retryStrategy": {
            "attempts": 1,
            "evaluateOnExit": [],
            **(request.get("retryStrategy") or definition.get("retryStrategy", {})),
        },
        "dependsOn": [],
        "parameters": {**definition.get("parameters", {}), **request.get("parameters", {})},
        "container": container,
        "tags": request.get("tags", {}),
        "propagateTags": request.get("propagateTags", False),
        "platformCapabilities": definition.get("platformCapabilities", []),
        "isCancelled": False,
        "isTerminated": False,
    }
    timeout = request.get("timeout") or definition.get("timeout")
    return {**job, "timeout": timeout} if timeout else job


def command(job: Document) -> tuple[str, ...]:
    """The container's command, its `Ref::` words replaced by the job's parameters."""
    parameters = job["parameters"]

    def value(match: re.Match[str]) -> str:
        return str(parameters.get(match[1], match[0]))

    return tuple(re.sub(r"Ref::([\w-]+)", value, word) for word in job["container"]["command"])


def environment(job: Document) -> dict[str, str]:
    """The container's variables, with those that Batch adds."""
    given = {pair["name"]: pair["value"] for pair in job["container"]["environment"]}
    return {
        **given,
        "AWS_BATCH_JOB_ID": job["jobId"],
        "AWS_BATCH_JOB_ATTEMPT": str(len(job["attempts"]) + 1),
        "AWS_BATCH_JQ_NAME": job["jobQueue"].rpartition("/")[2],
    }


def ended_attempt(
    job: Document, status_reason: str, *, exit_code: int | None, reason: str | None, now_ms: int
) -> Document:
    """`job` after an attempt has ended: SUCCEEDED, FAILED, or RUNNABLE for the next attempt."""
    if job["isTerminated"]:
        status_reason = job["statusReason"]
    result = {"exitCode": exit_code, "reason": reason}
    container = {name: value for name, value in result.items() if value is not None}
    attempt = {
        "container": {"logStreamName": job["container"]["logStreamName"], **container},
        "stoppedAt": now_ms,
        "statusReason": status_reason,
    }
    if "startedAt" in job:
        attempt["startedAt"] = job["startedAt"]
    ended = {
        **job,
        "attempts": [*job["attempts"], attempt],
        "container": {**job["container"], **container},
        "stoppedAt": now_ms,
        "statusReason": status_reason,
    }
    if exit_code == 0 and status_reason == CONTAINER_EXITED:
        return {**ended, "status": "SUCCEEDED"}
    if job["isTerminated"] or status_reason == TIMED_OUT or not is_retried(ended):
        return {**ended, "status": "FAILED"}
    del ended["stoppedAt"]
    ended.pop("startedAt", None)
    return {**ended, "status": "RUNNABLE"}


def is_retried(job: Document) -> bool:
    """Whether Batch itself tries again, after an attempt that has failed.

    The first `evaluateOnExit` condition that fits decides; without one the job is retried.
    """
    strategy = job["retryStrategy"]
    if len(job["attempts"]) >= strategy["attempts"]:
        return False
    attempt = job["attempts"][-1]
    seen = {
        "onStatusReason": attempt["statusReason"],
        "onReason": attempt["container"].get("reason", ""),
        "onExitCode": str(attempt["container"].get("exitCode", "")),
    }
    for condition in strategy["evaluateOnExit"]:
        if all(_fits(condition[name], text) for name, text in seen.items() if name in condition):
            return bool(condition["action"].upper() == "RETRY")
    return True


def _environment(properties: Document, overrides: Document) -> list[Document]:
    pairs = [*properties.get("environment", []), *overrides.get("environment", [])]
    merged = {pair["name"]: pair["value"] for pair in pairs}
    return [{"name": name, "value": value} for name, value in merged.items()]


def _fits(pattern: str, text: str) -> bool:
    if pattern.endswith("*"):
        return text.startswith(pattern[:-1])
    return text == pattern
