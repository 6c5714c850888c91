"""What happens next: the only place where the flow is decided.

`plan` is pure and total. Whatever arrives, in whatever order and however often, it answers with
the job as it should be saved and the order to carry out once that save has succeeded:

    event                      job                                 order
    DatasetValidated           QUEUED → NORMALIZING, claim         LaunchStage(normalize)
    StageLaunched              the attempt gets its external_id
    StageStarted               the attempt is RUNNING
    StageFinished normalize    → PROCESSING, claim                 LaunchStage(spark)
    StageFinished spark        → ANALYZING, claim                  LaunchStage(analyze)
    StageFinished analyze      → COMPLETED
    StageFinished with error   → REJECTED, the next attempt, or FAILED

An attempt is claimed in the same save that moves the job, so it is launched by one owner. When an
owner disappears between its save and the launch, any later event finds the attempt CLAIMED with
its lease over; it is claimed anew and launched then, after a look for the first owner's launch.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from pipeline.clock import later
from pipeline.messages import (
    DatasetValidated,
    JobEvent,
    LaunchStage,
    StageFinished,
    StageLaunched,
    StageStarted,
)
from pipeline.model import Attempt, AttemptState, Job, Stage, Status

MAX_ATTEMPTS = 2
LEASE_SECONDS = 120.0
"""Longer than one invocation of the coordinator, shorter than the queue's visibility timeout."""

NEXT = {
    Stage.NORMALIZE: (Status.PROCESSING, Stage.SPARK),
    Stage.SPARK: (Status.ANALYZING, Stage.ANALYZE),
}


@dataclass(frozen=True)
class Turn:
    """Who decides, and when: the owner of what `plan` claims."""

    owner: str
    now: str


@dataclass(frozen=True)
class Decision:
    """The job to save (equal to the one that was read: nothing to save), and what to do then."""

    job: Job
    order: LaunchStage | None = None


def plan(job: Job, event: JobEvent, turn: Turn) -> Decision:
    """Decide what `event` means for `job`."""
    if job.status.is_end:
        return Decision(job)
    after = _apply(job, event, turn)
    if after.status.is_end:
        return Decision(after)
    return _heal(job, after, turn)


def _apply(job: Job, event: JobEvent, turn: Turn) -> Job:
    if isinstance(event, DatasetValidated):
        if job.status is not Status.QUEUED:
            return job
        return _claim(job.advance(Status.NORMALIZING, turn.now), Stage.NORMALIZE, 1, turn)
    attempt = _attempt(job, event)
    if attempt is None or attempt.state.is_end or _is_superseded(job, attempt):
        return job
    if isinstance(event, StageLaunched):
        return _launched(job, attempt, event, turn)
    if isinstance(event, StageStarted):
        return _started(job, attempt, event, turn)
    return _finished(job, attempt, event, turn)


def _attempt(job: Job, event: StageLaunched | StageStarted | StageFinished) -> Attempt | None:
    """The attempt that `event` tells of; validation may break down before it noted its own."""
    attempt = job.attempt(event.stage, event.number)
    if attempt is None and event.stage is Stage.VALIDATE:
        return Attempt(Stage.VALIDATE, event.number, AttemptState.RUNNING, job.created_at)
    return attempt


def _is_superseded(job: Job, attempt: Attempt) -> bool:
    latest = job.latest(attempt.stage)
    return latest is not None and latest.number > attempt.number


def _launched(job: Job, attempt: Attempt, event: StageLaunched, turn: Turn) -> Job:
    if attempt.state is not AttemptState.CLAIMED:
        return job
    return _update(
        job, replace(attempt, state=AttemptState.LAUNCHED, external_id=event.external_id), turn
    )


def _started(job: Job, attempt: Attempt, event: StageStarted, turn: Turn) -> Job:
    if attempt.state is AttemptState.RUNNING:
        return job
    running = replace(
        attempt,
        state=AttemptState.RUNNING,
        external_id=event.external_id,
        started_at=event.started_at,
    )
    return _update(job, running, turn)


def _finished(job: Job, attempt: Attempt, event: StageFinished, turn: Turn) -> Job:
    ended = replace(
        attempt,
        state=AttemptState.FAILED if event.error else AttemptState.SUCCEEDED,
        external_id=event.external_id or attempt.external_id,
        started_at=event.started_at or attempt.started_at,
        finished_at=event.finished_at,
        error=event.error,
    )
    job = _update(job, ended, turn).with_warnings(event.warnings)
    if event.error is None:
        return _succeeded(job, event, turn)
    if event.rejected:
        return job.advance(Status.REJECTED, turn.now, event.error)
    if event.retryable and attempt.number < MAX_ATTEMPTS:
        return _claim(job, event.stage, attempt.number + 1, turn)
    return job.advance(Status.FAILED, turn.now, event.error)


def _succeeded(job: Job, event: StageFinished, turn: Turn) -> Job:
    if event.stage in NEXT:
        status, stage = NEXT[event.stage]
        return _claim(job.advance(status, turn.now), stage, 1, turn)
    return replace(job.advance(Status.COMPLETED, turn.now), totals=event.totals)


def _update(job: Job, attempt: Attempt, turn: Turn) -> Job:
    return replace(job.with_attempt(attempt), updated_at=turn.now)


def _claim(job: Job, stage: Stage, number: int, turn: Turn) -> Job:
    attempt = Attempt(
        stage=stage,
        number=number,
        state=AttemptState.CLAIMED,
        claimed_at=turn.now,
        owner=turn.owner,
        lease_until=later(turn.now, LEASE_SECONDS),
    )
    return _update(job, attempt, turn)


def _heal(before: Job, after: Job, turn: Turn) -> Decision:
    """Order the launch of a claimed attempt: our own, or one whose owner's lease is over."""
    claimed = next((a for a in after.attempts if a.state is AttemptState.CLAIMED), None)
    if claimed is None:
        return Decision(after)
    order = LaunchStage(claimed.stage, claimed.number, look_first=True)
    if before.attempt(claimed.stage, claimed.number) is None:
        return Decision(after, replace(order, look_first=False))
    if claimed.owner == turn.owner:
        return Decision(after, order)
    if claimed.lease_until > turn.now:
        return Decision(after)
    reclaimed = replace(claimed, owner=turn.owner, lease_until=later(turn.now, LEASE_SECONDS))
    return Decision(_update(after, reclaimed, turn), order)
