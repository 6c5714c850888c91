"""What has happened to a job, in the words of the pipeline: what `plan` decides on."""

from __future__ import annotations

from dataclasses import dataclass

from contracts.billing import BilledResources
from contracts.problem import Problem
from pipeline.model import Fault, Stage, Totals


@dataclass(frozen=True)
class DatasetValidated:
    """The manifest is written and the job is QUEUED."""

    job_id: str


@dataclass(frozen=True)
class CancelRequested:
    """Somebody wants the job to end."""

    job_id: str
    requested_at: str
    reason: str


@dataclass(frozen=True)
class StageLaunched:
    """AWS has taken the attempt's work and calls it `external_id`."""

    job_id: str
    stage: Stage
    number: int
    external_id: str


@dataclass(frozen=True)
class StageStarted:
    """The work of an attempt has begun."""

    job_id: str
    stage: Stage
    number: int
    external_id: str
    started_at: str


@dataclass(frozen=True)
class StageWaiting:
    """The work of an attempt waits for a machine, since `since`."""

    job_id: str
    stage: Stage
    number: int
    external_id: str
    since: str


@dataclass(frozen=True)
class StageFinished:
    """An attempt has ended with its marker, or with an `error` for which `fault` says who is.

    `external_id`, `started_at` and `worked_seconds` are None when the event does not tell.
    """

    job_id: str
    stage: Stage
    number: int
    finished_at: str
    external_id: str | None = None
    started_at: str | None = None
    error: Problem | None = None
    fault: Fault | None = None
    warnings: tuple[str, ...] = ()
    totals: Totals | None = None
    billed: BilledResources | None = None
    worked_seconds: float | None = None


@dataclass(frozen=True)
class StageResumed:
    """The function of a stage that had fallen silent was called once more."""

    job_id: str


@dataclass(frozen=True)
class JobChecked:
    """AWS had nothing new to tell."""

    job_id: str


AttemptEvent = StageLaunched | StageStarted | StageWaiting | StageFinished

JobEvent = DatasetValidated | CancelRequested | StageResumed | JobChecked | AttemptEvent
