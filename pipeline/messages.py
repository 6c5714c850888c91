"""What arrives on the work queue.

`parse` reads a queue message's body; it knows our own messages, the EventBridge envelopes of Batch
and EMR Serverless, and the envelope in which Lambda reports a function that failed for good.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from contracts.codec import DocumentError, from_plain, to_plain
from contracts.wording import cut
from pipeline.clock import from_epoch_ms
from pipeline.compute_names import AttemptName
from pipeline.job_events import CancelRequested, DatasetValidated
from pipeline.model import AttemptState, Totals

MAX_REASON_CHARACTERS = 300


@dataclass(frozen=True)
class DatasetArriving:
    """A folder was closed by `_SUCCESS`; look after a while whether its listing still changes.

    `fingerprint` is a digest of the listing at the last look; `since` is when the first one was.
    """

    job_id: str
    bucket: str
    key: str
    version_id: str | None
    fingerprint: str
    since: str


@dataclass(frozen=True)
class AnalysisFinished:
    """The report of attempt `attempt` is written."""

    job_id: str
    attempt: int
    started_at: str
    finished_at: str
    totals: Totals
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class CheckJob:
    """Ask AWS what has become of the job's work, and take up what was left undone."""

    job_id: str


class Failure(StrEnum):
    """What became of an asynchronous invocation that Lambda gave up."""

    RAISED = "raised"
    """In every try, or it used up its time: it would do so again."""
    DIED = "died"
    """In every try, killed or crashed, without a word."""
    UNTRIED = "untried"
    """Lambda has not tried, or not to the end: nothing runs, or a loop is suspected."""


@dataclass(frozen=True)
class FunctionFailed:
    """A function that was invoked asynchronously did not do its work; `payload` was its input."""

    function: str
    payload: dict[str, Any]
    failure: Failure
    reason: str


@dataclass(frozen=True)
class BatchJobChanged:
    """Batch says that the job of an attempt changed its state."""

    attempt: AttemptName
    external_id: str
    state: AttemptState
    started_at: str | None
    finished_at: str | None
    reason: str
    terminated: bool
    exit_code: int | None = None
    log_stream: str | None = None
    worked_seconds: float | None = None


@dataclass(frozen=True)
class SparkRunChanged:
    """EMR Serverless says that a run changed; which attempt it belongs to, only GetJobRun says."""

    application_id: str
    run_id: str


OwnMessage = DatasetValidated | DatasetArriving | AnalysisFinished | CheckJob | CancelRequested
"""What our own functions send."""

Message = OwnMessage | FunctionFailed | BatchJobChanged | SparkRunChanged
"""What the work queue carries."""

OWN_MESSAGES: dict[str, type[OwnMessage]] = {
    cls.__name__: cls
    for cls in (DatasetValidated, DatasetArriving, AnalysisFinished, CheckJob, CancelRequested)
}


class UnknownMessage(ValueError):
    """The body is of no kind that we know; the message belongs in the dead-letter queue."""


def to_body(message: OwnMessage) -> str:
    """One of our own messages as a queue message's body."""
    return json.dumps({"message": type(message).__name__, **to_plain(message)})


def parse(body: str) -> Message | None:
    """The message in `body`; None for one that does not concern us. Raises UnknownMessage."""
    try:
        plain = json.loads(body)
        if "message" in plain:
            return _own_message(plain)
        if plain.get("source") == "aws.batch":
            return batch_job_changed(plain["detail"])
        if plain.get("source") == "aws.emr-serverless":
            return SparkRunChanged(plain["detail"]["applicationId"], plain["detail"]["jobRunId"])
        if plain.get("source") == "aws.events":
            return None  # a tick of the reconciler's schedule; the next one has done its work
        return _function_failed(plain)
    except (ValueError, KeyError, TypeError, AttributeError, DocumentError) as error:
        raise UnknownMessage(f"{error!r} in {body[:500]}") from error


def about(body: str) -> tuple[str, str | None]:
    """What kind of message `body` is, and of which job, as far as it tells."""
    try:
        plain = json.loads(body)
        if "message" in plain:
            return str(plain["message"]), plain.get("job_id")
        if "source" in plain:
            name = AttemptName.parse(str(plain.get("detail", {}).get("jobName", "")))
            return str(plain["source"]), name.job_id if name else None
        payload = plain["requestPayload"]
        job_id = payload.get("job_id") or payload.get("settle", {}).get("job_id")
        return FunctionFailed.__name__, job_id
    except (ValueError, KeyError, TypeError, AttributeError):
        return "unknown", None


def _own_message(plain: dict[str, Any]) -> OwnMessage:
    return from_plain(OWN_MESSAGES[plain["message"]], plain)


BATCH_STATES = {
    "RUNNING": AttemptState.RUNNING,
    "SUCCEEDED": AttemptState.SUCCEEDED,
    "FAILED": AttemptState.FAILED,
}


def batch_job_changed(detail: dict[str, Any]) -> BatchJobChanged | None:
    """What a Batch job's description says; None while it waits, and for a job of others."""
    container = detail.get("container", {})
    name = AttemptName.parse(detail["jobName"])
    state = BATCH_STATES.get(detail["status"])
    if name is None or state is None:
        return None
    return BatchJobChanged(
        attempt=name,
        external_id=detail["jobId"],
        state=state,
        started_at=_time(detail.get("startedAt")),
        finished_at=_time(detail.get("stoppedAt")),
        reason=_batch_reason(detail),
        terminated=bool(detail.get("isTerminated") or detail.get("isCancelled")),
        exit_code=container.get("exitCode"),
        log_stream=container.get("logStreamName"),
        worked_seconds=_worked_seconds(detail),
    )


def _worked_seconds(detail: dict[str, Any]) -> float | None:
    """How long the job's containers have run, those of lost machines included."""
    if "attempts" not in detail:
        return None
    tries = [each for each in detail["attempts"] if "startedAt" in each and "stoppedAt" in each]
    worked_ms: int = sum(each["stoppedAt"] - each["startedAt"] for each in tries)
    return worked_ms / 1000


def _batch_reason(detail: dict[str, Any]) -> str:
    container = detail.get("container", {})
    reasons = (
        detail.get("statusReason"),
        container.get("reason"),
        f"exit code {container['exitCode']}" if "exitCode" in container else None,
    )
    return ", ".join(reason for reason in reasons if reason)


def _time(milliseconds: int | None) -> str | None:
    return from_epoch_ms(milliseconds) if milliseconds else None


def _function_failed(plain: dict[str, Any]) -> FunctionFailed:
    context = plain["requestContext"]
    response = plain.get("responsePayload") or {}
    reason = str(response.get("errorMessage") or context["condition"])
    return FunctionFailed(
        function=context["functionArn"],
        payload=plain["requestPayload"],
        failure=_failure(context["condition"], response, reason),
        reason=cut(reason, MAX_REASON_CHARACTERS),
    )


def _failure(condition: str, response: dict[str, Any], reason: str) -> Failure:
    if condition != "RetriesExhausted":
        return Failure.UNTRIED
    # Python's runtime sends a stack trace, if an empty one, with whatever it could still report.
    if "stackTrace" in response or "Task timed out" in reason:
        return Failure.RAISED
    return Failure.DIED
