"""What happens next: the only place where the flow is decided.

`plan` is pure and total. Whatever arrives, in whatever order and however often, it answers with
the job as it should be saved and the order to carry out once that save has succeeded:

    event                      job                                 order
    DatasetValidated           QUEUED → NORMALIZING, claim         LaunchStage(normalize)
                               (a rerun may begin further on)
    StageLaunched              the attempt gets its external_id
    StageStarted               the attempt is RUNNING
    StageWaiting for too long  the attempt is to stop              StopStage
    StageFinished normalize    → PROCESSING, claim                 LaunchStage(spark)
    StageFinished spark        → ANALYZING, claim                  LaunchStage(analyze)
    StageFinished analyze      → COMPLETED
    StageFinished with error   → REJECTED, FAILED, or a claim      LookAgain, when its time comes
    CancelRequested            → CANCELLED once nothing is open    StopStage
    any, MAX_CLAIMS later      → FAILED, nobody could launch it    StopStage
    StageStarted after that                                        StopStage

An attempt is claimed in the same save that moves the job, so it is launched by one owner. When an
owner disappears between its save and the launch, any later event finds the attempt CLAIMED with
its lease over; it is claimed anew and launched then, after a look for the first owner's launch.
An attempt that is to begin later is claimed for nobody, with a lease that ends when it may begin.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, replace

from contracts.problem import Problem
from pipeline.clock import later
from pipeline.job_events import (
    AttemptEvent,
    CancelRequested,
    DatasetValidated,
    JobChecked,
    JobEvent,
    StageFinished,
    StageLaunched,
    StageResumed,
    StageStarted,
    StageWaiting,
)
from pipeline.model import (
    Attempt,
    AttemptState,
    Cancellation,
    Fault,
    Job,
    Stage,
    Status,
    StopReason,
    seconds_between,
)
from pipeline.orders import LaunchStage, LookAgain, Order, StopStage

ATTEMPTS = {Fault.HOST: 3, Fault.OUTAGE: 3}
"""How many attempts of a stage may fail so; faults that are not named here end the job at once."""

BACKOFF_SECONDS = 20.0
"""The pause after the first such failure, at most; it doubles with each further one."""

LEASE_SECONDS = 120.0
"""Longer than one invocation of the coordinator, shorter than the queue's visibility timeout."""

MAX_CLAIMS = 30
"""So often in a row, an hour long, an attempt is claimed that nobody can launch."""

GPU_PATIENCE_SECONDS = 15 * 60.0
"""How long normalization waits for a GPU before it is done on the CPU."""

PATIENCE_SECONDS = {Stage.NORMALIZE: 24 * 3600.0, Stage.SPARK: 11 * 3600.0}
"""How long work waits for a machine, other jobs' work before it included.

EMR Serverless lets a run wait for 12 hours at most.
"""

WORK = {
    Stage.NORMALIZE: Status.NORMALIZING,
    Stage.SPARK: Status.PROCESSING,
    Stage.ANALYZE: Status.ANALYZING,
}
"""The stages that are launched, in order, and the status of a job in each."""

NOBODY = ""


@dataclass(frozen=True)
class Turn:
    """Who decides, and when: the owner of what `plan` claims."""

    owner: str
    now: str


@dataclass(frozen=True)
class Decision:
    """The job to save (equal to the one that was read: nothing to save), and what to do then."""

    job: Job
    order: Order | None = None


def plan(job: Job, event: JobEvent, turn: Turn) -> Decision:
    """Decide what `event` means for `job`."""
    if job.status.is_end:
        return Decision(job, _stop_of_stray(job, event))
    after = _apply(job, event, turn)
    if after.cancellation and not after.status.is_end:
        after = _cancelled_if_idle(after, turn)
    return Decision(after) if after.status.is_end else _follow_up(job, after, turn)


def _apply(job: Job, event: JobEvent, turn: Turn) -> Job:
    match event:
        case JobChecked():
            return job
        case StageResumed():
            return job.resumed(turn.now)
        case CancelRequested():
            cancellation = Cancellation(event.requested_at, event.reason)
            return job.with_cancellation(cancellation, turn.now)
        case DatasetValidated():
            if job.status is not Status.QUEUED or job.cancellation:
                return job
            return _go_on(job, turn)
        case _:
            return _apply_to_attempt(job, event, turn)


def _apply_to_attempt(job: Job, event: AttemptEvent, turn: Turn) -> Job:
    attempt = _attempt(job, event)
    if attempt is None or attempt.state.is_end:
        return job
    match event:
        case StageLaunched():
            return _launched(job, attempt, event, turn)
        case StageStarted():
            return _started(job, attempt, event, turn)
        case StageWaiting():
            return _waiting(job, attempt, event, turn)
        case StageFinished():
            return _finished(job, attempt, event, turn)


def _attempt(job: Job, event: AttemptEvent) -> Attempt | None:
    """The attempt that `event` tells of; validation may break down before it noted its own."""
    attempt = job.attempt(event.stage, event.number)
    if attempt is None and event.stage is Stage.VALIDATE:
        return Attempt(Stage.VALIDATE, event.number, AttemptState.RUNNING, job.created_at)
    return attempt


def _launched(job: Job, attempt: Attempt, event: StageLaunched, turn: Turn) -> Job:
    if attempt.state is not AttemptState.CLAIMED:
        return job
    launched = replace(attempt, state=AttemptState.LAUNCHED, external_id=event.external_id)
    return job.with_attempt(launched, turn.now)


def _started(job: Job, attempt: Attempt, event: StageStarted, turn: Turn) -> Job:
    if attempt.state is AttemptState.RUNNING:
        return job
    running = replace(
        attempt,
        state=AttemptState.RUNNING,
        external_id=event.external_id,
        started_at=event.started_at,
    )
    return job.with_attempt(running, turn.now)


def _waiting(job: Job, attempt: Attempt, event: StageWaiting, turn: Turn) -> Job:
    """Stop an attempt that has waited too long for a machine."""
    if attempt.state is AttemptState.CLAIMED:
        attempt = replace(attempt, state=AttemptState.LAUNCHED, external_id=event.external_id)
    waited = seconds_between(event.since, turn.now)
    if attempt.stop is None and attempt.use_gpu and waited >= GPU_PATIENCE_SECONDS:
        attempt = replace(attempt, stop=StopReason.NO_GPU)
    elif attempt.stop is None and waited >= PATIENCE_SECONDS[attempt.stage]:
        attempt = replace(attempt, stop=StopReason.NO_CAPACITY)
    return job if attempt in job.attempts else job.with_attempt(attempt, turn.now)


def _finished(job: Job, attempt: Attempt, event: StageFinished, turn: Turn) -> Job:
    state = AttemptState.SUCCEEDED
    if event.error:
        state = AttemptState.STOPPED if event.fault is Fault.STOPPED else AttemptState.FAILED
    ended = replace(
        attempt,
        state=state,
        external_id=event.external_id or attempt.external_id,
        started_at=event.started_at or attempt.started_at,
        finished_at=event.finished_at,
        error=event.error,
        fault=event.fault,
        billed=event.billed,
        worked_seconds=event.worked_seconds,
    )
    job = job.with_attempt(ended, turn.now).with_warnings(event.warnings)
    if event.error is None:
        return _succeeded(job, event, turn)
    return _failed(job, ended, event.error, turn)


def _succeeded(job: Job, event: StageFinished, turn: Turn) -> Job:
    if job.cancellation:
        return job
    if event.stage is Stage.ANALYZE:
        return replace(job.advance(Status.COMPLETED, turn.now), totals=event.totals)
    return _go_on(job, turn)


def _go_on(job: Job, turn: Turn) -> Job:
    """Claim the first stage that has not succeeded; a rerun has some that have."""
    done = {each.stage for each in job.attempts if each.state is AttemptState.SUCCEEDED}
    stage = next(stage for stage in WORK if stage not in done)
    return _claim(job.advance(WORK[stage], turn.now), stage, turn)


def _failed(job: Job, attempt: Attempt, error: Problem, turn: Turn) -> Job:
    if attempt.fault is Fault.INPUT:
        return job.advance(Status.REJECTED, turn.now, error)
    if job.cancellation:
        return job
    if attempt.stop is StopReason.NO_GPU:
        minutes = GPU_PATIENCE_SECONDS / 60
        told = f"There was no GPU within {minutes:.0f} minutes; the CPU has normalized the data."
        return _claim(job.with_warnings((told,)), attempt.stage, turn, use_gpu=False)
    if attempt.stop is StopReason.NO_CAPACITY:
        hours = PATIENCE_SECONDS[attempt.stage] / 3600
        error = Problem(
            "no_capacity",
            f"AWS had no machine for this work within {hours:.0f} hours. Look at the compute "
            "environment and its quotas, then rerun the job.",
            error.where,
        )
    elif _failures(job, attempt) < ATTEMPTS.get(attempt.fault or Fault.OURS, 0):
        return _claim(job, attempt.stage, turn, delay=_backoff(job, attempt))
    return job.advance(Status.FAILED, turn.now, error)


def _failures(job: Job, attempt: Attempt) -> int:
    """How many attempts of the stage have failed as this one has."""
    alike = (attempt.stage, attempt.fault)
    return sum((each.stage, each.fault) == alike for each in job.attempts)


def _backoff(job: Job, attempt: Attempt) -> float:
    """Seconds until the next attempt; apart for jobs that one outage has failed together."""
    longest = BACKOFF_SECONDS * 2.0 ** (_failures(job, attempt) - 1)
    digest = hashlib.sha256(f"{job.job_id} {attempt.label}".encode()).digest()
    return longest * (0.5 + digest[0] / 512)


def _claim(
    job: Job, stage: Stage, turn: Turn, *, use_gpu: bool | None = None, delay: float = 0.0
) -> Job:
    """The next attempt of `stage`, for this turn's owner or, after `delay`, for anybody."""
    last = job.latest(stage)
    if use_gpu is None:
        is_wished = job.options.gpu_enabled and stage is Stage.NORMALIZE
        use_gpu = last.use_gpu if last else is_wished
    attempt = Attempt(
        stage=stage,
        number=last.number + 1 if last else 1,
        state=AttemptState.CLAIMED,
        claimed_at=turn.now,
        owner=NOBODY if delay else turn.owner,
        lease_until=later(turn.now, delay or LEASE_SECONDS),
        use_gpu=use_gpu,
    )
    return job.with_attempt(attempt, turn.now)


def _cancelled_if_idle(job: Job, turn: Turn) -> Job:
    """CANCELLED, when nothing of the job computes any more or ever will."""
    attempt = job.open_attempt
    if attempt:
        is_never_launched = attempt.state is AttemptState.CLAIMED and attempt.owner == NOBODY
        # The analysis takes seconds, and what it still writes does no harm.
        if not is_never_launched and attempt.stage is not Stage.ANALYZE:
            return job
        stopped = replace(attempt, state=AttemptState.STOPPED, stop=StopReason.CANCEL)
        job = job.with_attempt(stopped, turn.now)
    assert job.cancellation is not None
    problem = Problem("cancelled", f"Cancelled on request: {job.cancellation.reason}")
    return job.advance(Status.CANCELLED, turn.now, problem)


def _follow_up(before: Job, after: Job, turn: Turn) -> Decision:
    """What is to be done about the open attempt."""
    attempt = after.open_attempt
    if attempt is None or attempt.stage is Stage.VALIDATE:
        return Decision(after)
    if after.cancellation and attempt.stop is None:
        attempt = replace(attempt, stop=StopReason.CANCEL)
        after = after.with_attempt(attempt, turn.now)
    if attempt.state is AttemptState.CLAIMED:
        return _take_up(before, after, attempt, turn)
    return Decision(after, StopStage(attempt.stage, attempt.number) if attempt.stop else None)


def _take_up(before: Job, after: Job, attempt: Attempt, turn: Turn) -> Decision:
    """Launch a claimed attempt that is ours, or whose lease is over; or see that it is stopped."""
    stage, number = attempt.stage, attempt.number
    is_new = before.attempt(stage, number) is None
    if is_new and attempt.owner == turn.owner:
        return Decision(after, LaunchStage(stage, number, look_first=False))
    if attempt.owner != turn.owner:
        left = seconds_between(turn.now, attempt.lease_until)
        if left > 0:
            is_asked = is_new or (after.cancellation and not before.cancellation)
            return Decision(after, LookAgain(math.ceil(left)) if is_asked else None)
        if attempt.claims == MAX_CLAIMS:
            # The analysis takes seconds, and cannot be stopped.
            order = None if stage is Stage.ANALYZE else StopStage(stage, number)
            return Decision(_given_up(after, attempt, turn), order)
        attempt = replace(
            attempt,
            owner=turn.owner,
            lease_until=later(turn.now, LEASE_SECONDS),
            claims=attempt.claims + 1,
        )
        after = after.with_attempt(attempt, turn.now)
    if attempt.stop:
        return Decision(after, StopStage(stage, number))
    return Decision(after, LaunchStage(stage, number, look_first=True))


def _stop_of_stray(job: Job, event: JobEvent) -> Order | None:
    """Of a job that was given up AWS may have taken the work all the same."""
    if not isinstance(event, StageStarted):
        return None
    attempt = job.attempt(event.stage, event.number)
    is_stray = attempt is not None and attempt.external_id is None
    return StopStage(event.stage, event.number) if is_stray else None


def _given_up(job: Job, attempt: Attempt, turn: Turn) -> Job:
    problem = Problem(
        "not_launched",
        f"The work could not be handed to AWS, though it was tried {attempt.claims} times. The "
        "coordinate function's log tells why; then rerun the job.",
    )
    failed = replace(
        attempt,
        state=AttemptState.FAILED,
        finished_at=turn.now,
        error=problem,
        fault=Fault.OURS,
    )
    job = job.with_attempt(failed, turn.now)
    if job.cancellation:
        return _cancelled_if_idle(job, turn)
    return job.advance(Status.FAILED, turn.now, problem)
