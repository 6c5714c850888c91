"""What a job run of EMR Serverless is: pure functions over AWS' own structures.

A run is kept as the model's JobRun, which is what GetJobRun answers, with times in epoch seconds.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from local.compute import utilization
from local.compute.arns import Arns
from local.compute.spark_parameters import SparkParameters
from local.compute.store import Document

WAITING = ("SUBMITTED", "PENDING", "SCHEDULED")
ENDED = ("SUCCESS", "FAILED", "CANCELLED")

_ID_ALPHABET = "0123456789abcdefghijklmnopqrstuv"
_LONGEST_DETAILS = 256
_EXCEPTION = re.compile(r"^[\w.]*(?:Error|Exception|Interrupt)\b.*", re.MULTILINE)


def new_id() -> str:
    """An id such as EMR Serverless gives to applications and runs."""
    return "00" + "".join(secrets.choice(_ID_ALPHABET) for _ in range(14))


def new_run(request: Mapping[str, Any], application: Document, arns: Arns, now: float) -> Document:
    """The JobRun of a StartJobRun request, in SUBMITTED."""
    application_id, run_id = application["applicationId"], new_id()
    run = {
        "applicationId": application_id,
        "jobRunId": run_id,
        "arn": arns.job_run(application_id, run_id),
        "name": request.get("name"),
        "createdBy": arns.root_user,
        "createdAt": now,
        "updatedAt": now,
        "executionRole": request["executionRoleArn"],
        "state": "SUBMITTED",
        "stateDetails": "SUBMITTED",
        "releaseLabel": application["releaseLabel"],
        "configurationOverrides": request.get("configurationOverrides"),
        "jobDriver": request["jobDriver"],
        "tags": request.get("tags", {}),
        "executionTimeoutMinutes": request.get("executionTimeoutMinutes", 720),
        "mode": "BATCH",
        "attempt": 1,
        "attemptCreatedAt": now,
        "attemptUpdatedAt": now,
    }
    return {name: value for name, value in run.items() if value is not None}


def moved(run: Document, state: str, now: float, details: str | None = None) -> Document:
    """`run` in `state`, with the times, and at its end the resources, that go with it."""
    changed = {
        **run,
        "state": state,
        "stateDetails": (details or state)[:_LONGEST_DETAILS],
        "updatedAt": now,
        "attemptUpdatedAt": now,
    }
    if state == "RUNNING":
        changed["startedAt"] = now
    if state in ENDED:
        changed["endedAt"] = now
        if "startedAt" in run:
            changed.update(_resources(run, now - run["startedAt"]))
    return changed


def parameters(run: Document) -> SparkParameters:
    """The run's spark-submit parameters. Raises ValueError when they cannot be read."""
    return SparkParameters.parse(run["jobDriver"]["sparkSubmit"].get("sparkSubmitParameters", ""))


def event_detail(run: Document, previous_state: str) -> Document:
    """The detail of the run's "EMR Serverless Job Run State Change"."""
    names = ("jobRunId", "applicationId", "arn", "releaseLabel", "state", "createdBy")
    times = ("updatedAt", "createdAt")
    return {
        **{name: run[name] for name in names},
        "previousState": previous_state,
        **{
            name: datetime.fromtimestamp(run[name], UTC)
            .isoformat(timespec="microseconds")
            .replace("+00:00", "Z")
            for name in times
        },
    }


def failure_details(exit_code: int, reason: str | None) -> str:
    """EMR Serverless' words for a driver that failed."""
    details = (
        "Job failed, please check complete logs in configured logging destination."
        f" ExitCode: {exit_code}."
    )
    return f"{details} Last few exceptions: {reason}" if reason else details


def last_exception(log: str) -> str | None:
    """The last line of `log` that names an exception."""
    exceptions = _EXCEPTION.findall(log)
    return exceptions[-1] if exceptions else None


def _resources(run: Document, seconds: float) -> Document:
    workers = utilization.workers(parameters(run).conf)
    return {
        "totalExecutionDurationSeconds": round(seconds),
        "totalResourceUtilization": utilization.total(workers, seconds),
        "billedResourceUtilization": utilization.billed(workers, seconds),
    }
