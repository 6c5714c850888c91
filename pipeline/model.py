"""A job, its attempts and the states they go through.

    SUBMITTED → VALIDATING → QUEUED → NORMALIZING → PROCESSING → ANALYZING → COMPLETED
        └───────────┴───────────┴──────────┴────────────┴───────┴─→ REJECTED, FAILED, CANCELLED

An end is never left and a status never goes backwards; `Job.advance` is the only way to move, and
with `with_attempt` and `with_cancellation` it writes the job's history. What others write is cut
where it enters the job, which has to fit into a DynamoDB item (400 KB).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from contracts.billing import BilledResources
from contracts.manifest import Options
from contracts.problem import Problem
from contracts.wording import MAX_WARNINGS, cut

MAX_WARNINGS_OF_JOB = 50
MAX_WARNING_CHARACTERS = 500
MAX_PROBLEM_CHARACTERS = 2000
MAX_ATTEMPT_PROBLEM_CHARACTERS = 500
"""A job has one problem, and as many attempts as it takes."""

MAX_HISTORY = 200
ARRIVING = "waiting"
MORE_WARNINGS = "There are more warnings, which are not kept."


class Status(StrEnum):
    """Where a job stands, in the order of the flow."""

    SUBMITTED = "SUBMITTED"
    VALIDATING = "VALIDATING"
    QUEUED = "QUEUED"
    NORMALIZING = "NORMALIZING"
    PROCESSING = "PROCESSING"
    ANALYZING = "ANALYZING"
    COMPLETED = "COMPLETED"
    REJECTED = "REJECTED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"

    @property
    def is_end(self) -> bool:
        return self in (Status.COMPLETED, Status.REJECTED, Status.FAILED, Status.CANCELLED)

    @property
    def rank(self) -> int:
        """Grows along the flow; all the ends share the highest."""
        return FLOW.index(Status.COMPLETED if self.is_end else self)


FLOW = (
    Status.SUBMITTED,
    Status.VALIDATING,
    Status.QUEUED,
    Status.NORMALIZING,
    Status.PROCESSING,
    Status.ANALYZING,
    Status.COMPLETED,
)


class Stage(StrEnum):
    """A step of the work, in order."""

    VALIDATE = "validate"
    NORMALIZE = "normalize"
    SPARK = "spark"
    ANALYZE = "analyze"


class AttemptState(StrEnum):
    """A claimed attempt is not known to be launched yet; it is once it has an `external_id`."""

    CLAIMED = "claimed"
    LAUNCHED = "launched"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    STOPPED = "stopped"

    @property
    def is_end(self) -> bool:
        return self in (AttemptState.SUCCEEDED, AttemptState.FAILED, AttemptState.STOPPED)


class Fault(StrEnum):
    """Where the fault lies when an attempt fails, which decides what follows."""

    INPUT = "input"
    """In the dataset: another attempt would find the same."""

    HOST = "host"
    """The machine was lost, such as a spot instance, or the work was forgotten."""

    OUTAGE = "outage"
    """A service that the attempt needs did not answer as it should."""

    STOPPED = "stopped"
    """Somebody ended it, we or a person."""

    OURS = "ours"
    """In our code or set-up: another attempt would fail too."""


class StopReason(StrEnum):
    """Why we end an attempt."""

    CANCEL = "cancel"
    NO_GPU = "no_gpu"
    NO_CAPACITY = "no_capacity"


@dataclass(frozen=True)
class Attempt:
    """One launch of a stage. Times are ISO 8601 UTC.

    Until `lease_until` only `owner`, one invocation of the coordinator, may launch it; "" is
    nobody. `claims` of it have been made, one after the other. `stop` is why it is being ended.
    `use_gpu` concerns normalization, as does `worked_seconds`, the time on machines of all tries
    that Batch made of it, None when that is not known; `billed` concerns the Spark run. `origin` is
    the job that made the attempt when this one reuses it, else "".
    """

    stage: Stage
    number: int
    state: AttemptState
    claimed_at: str
    owner: str = ""
    lease_until: str = ""
    claims: int = 1
    external_id: str | None = None
    started_at: str | None = None
    finished_at: str | None = None
    error: Problem | None = None
    fault: Fault | None = None
    stop: StopReason | None = None
    use_gpu: bool = False
    worked_seconds: float | None = None
    billed: BilledResources | None = None
    origin: str = ""

    @property
    def label(self) -> str:
        """Such as `normalize-1`."""
        return f"{self.stage.value}-{self.number}"

    @property
    def seconds(self) -> float:
        """How long the attempt itself ran; 0 until it has started and finished."""
        if self.started_at is None or self.finished_at is None:
            return 0.0
        return max(0.0, seconds_between(self.started_at, self.finished_at))


@dataclass(frozen=True)
class Source:
    """What was uploaded. For a folder `key` is that of its `_SUCCESS`.

    `format`, `files` and `size_bytes` are known once the dataset is validated.
    """

    bucket: str
    key: str
    version_id: str | None
    uploaded_at: str
    size_bytes: int = 0
    format: str | None = None
    files: int = 0


@dataclass(frozen=True)
class Totals:
    """The analysis in a few numbers; the report in S3 has the rest. Money is in US dollars."""

    records: int
    records_per_s: float
    quality_score: float
    cost_usd: float
    cost_per_record_usd: float
    speedup: float | None
    agree: bool | None
    verdict: str


@dataclass(frozen=True)
class Cancellation:
    """Somebody wants the job to end."""

    requested_at: str
    reason: str


@dataclass(frozen=True)
class HistoryLine:
    """What happened at a time: `subject` is `job` or an attempt such as `normalize-1`."""

    at: str
    subject: str
    event: str
    detail: str = ""


@dataclass(frozen=True)
class Job:
    """One run over one dataset: all of the flow's durable state.

    `version` counts the saves; a save is conditional on it. 0 has never been saved.
    `duplicate_events` counts how often validation was called once more, `resumptions` how often
    the function of the present status, having fallen silent, was called again. `content` stands for
    what a result follows from, once that is known; `reused_from` is the job whose result this one
    has.
    """

    job_id: str
    status: Status
    source: Source
    created_at: str
    updated_at: str
    version: int = 0
    options: Options = Options()
    attempts: tuple[Attempt, ...] = ()
    warnings: tuple[str, ...] = ()
    error: Problem | None = None
    totals: Totals | None = None
    cancellation: Cancellation | None = None
    history: tuple[HistoryLine, ...] = ()
    rerun_of: str | None = None
    duplicate_events: int = 0
    resumptions: int = 0
    content: str = ""
    reused_from: str | None = None

    def latest(self, stage: Stage) -> Attempt | None:
        """The newest attempt of `stage`."""
        return next((a for a in reversed(self.attempts) if a.stage is stage), None)

    def attempt(self, stage: Stage, number: int) -> Attempt | None:
        """Attempt `number` of `stage`."""
        return next((a for a in self.attempts if a.stage is stage and a.number == number), None)

    @property
    def open_attempt(self) -> Attempt | None:
        """The attempt that has not ended; there is never more than one."""
        return next((a for a in self.attempts if not a.state.is_end), None)

    def with_attempt(self, attempt: Attempt, now: str) -> Job:
        """This job with `attempt` added, or put in the place of the one with its number."""
        attempt = replace(attempt, error=_cut(attempt.error, MAX_ATTEMPT_PROBLEM_CHARACTERS))
        before = self.attempt(attempt.stage, attempt.number)
        others = tuple(attempt if a == before else a for a in self.attempts)
        attempts = others if before else (*others, attempt)
        job = replace(self, attempts=attempts, updated_at=now)
        if before is None or (before.state, before.owner) != (attempt.state, attempt.owner):
            job = job._noting(now, attempt.label, attempt.state.value, _told(attempt))
        if attempt.stop and (before is None or before.stop is not attempt.stop):
            job = job._noting(now, attempt.label, "being stopped", attempt.stop.value)
        return job

    def with_cancellation(self, cancellation: Cancellation, now: str) -> Job:
        """This job, to be ended; the first to say so counts."""
        if self.cancellation:
            return self
        reason = cut(cancellation.reason, MAX_WARNING_CHARACTERS)
        job = replace(self, cancellation=replace(cancellation, reason=reason), updated_at=now)
        return job._noting(now, "job", "cancellation requested", reason)

    def entered(self) -> Job:
        """This new job with the first line of its history."""
        detail = f"rerun of {self.rerun_of}" if self.rerun_of else self.source.key
        return self._noting(self.created_at, "job", self.status.value, detail)

    def rerun_as(self, job_id: str, now: str) -> Job:
        """This job, which has ended, of which that one is a rerun."""
        is_told = any((line.event, line.detail) == ("rerun", job_id) for line in self.history)
        return self if is_told else self._noting(now, "job", "rerun", job_id)

    def redriven(self, kinds: str, now: str) -> Job:
        """This job, about which dead letters of those kinds are on their way again."""
        return self._noting(now, "job", "redriven", kinds)

    def seen_arriving(self, awaited: str, now: str) -> Job:
        """This job over a folder that may not be whole yet; `awaited` says why."""
        job = replace(self, updated_at=now)
        last = self.history[-1] if self.history else None
        if last and (last.event, last.detail) == (ARRIVING, awaited):
            return job
        return job._noting(now, "job", ARRIVING, awaited)

    def resumed(self, now: str) -> Job:
        """This job, whose function was called again."""
        job = replace(self, resumptions=self.resumptions + 1, updated_at=now)
        return job._noting(now, "job", "called again", self.status.value)

    def with_result_of(self, finished: Job, warnings: tuple[str, ...], now: str) -> Job:
        """This job, COMPLETED with what `finished` came to, whose stages gave the `warnings`."""
        origin = finished.reused_from or finished.job_id
        reused = tuple(
            replace(attempt, origin=attempt.origin or origin)
            for stage in (Stage.NORMALIZE, Stage.SPARK, Stage.ANALYZE)
            if (attempt := finished.latest(stage))
        )
        job = replace(self, attempts=(*self.attempts, *reused), reused_from=origin)
        job = job.with_warnings(warnings)._noting(now, "job", "result reused", origin)
        return replace(job.advance(Status.COMPLETED, now), totals=finished.totals)

    def with_warnings(self, warnings: tuple[str, ...]) -> Job:
        """This job with the first of a stage's `warnings`, and word of it when there are more."""
        given = tuple(dict.fromkeys(cut(text, MAX_WARNING_CHARACTERS) for text in warnings))
        new = tuple(warning for warning in given[:MAX_WARNINGS] if warning not in self.warnings)
        kept = new[: max(0, MAX_WARNINGS_OF_JOB - len(self.warnings))]
        is_all = len(given) <= MAX_WARNINGS and kept == new
        more = () if is_all or MORE_WARNINGS in self.warnings else (MORE_WARNINGS,)
        return replace(self, warnings=(*self.warnings, *kept, *more))

    def advance(self, status: Status, now: str, error: Problem | None = None) -> Job:
        """This job in `status`. Raises ValueError for a step backwards or out of an end."""
        if self.status.is_end or status.rank < self.status.rank:
            raise ValueError(f"job {self.job_id} cannot go from {self.status} to {status}")
        error = _cut(error, MAX_PROBLEM_CHARACTERS) or self.error
        job = replace(self, status=status, updated_at=now, error=error)
        if status is not self.status:
            job = replace(job, resumptions=0)
        return job._noting(now, "job", status.value, error.code if error else "")

    def _noting(self, now: str, subject: str, event: str, detail: str = "") -> Job:
        """This job with one more line in its history, which forgets its oldest ones."""
        line = HistoryLine(now, subject, event, cut(detail, MAX_WARNING_CHARACTERS))
        return replace(self, history=(*self.history, line)[-MAX_HISTORY:])


def seconds_between(start: str, end: str) -> float:
    """The seconds from one ISO 8601 time to another."""
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()


def _told(attempt: Attempt) -> str:
    """What the history says of an attempt in its state."""
    if attempt.error:
        return attempt.error.code
    if attempt.state is AttemptState.CLAIMED:
        return f"by {attempt.owner}" if attempt.owner else f"not before {attempt.lease_until}"
    return attempt.external_id or ""


def _cut(problem: Problem | None, characters: int) -> Problem | None:
    if problem is None:
        return None
    return replace(
        problem,
        message=cut(problem.message, characters),
        where=problem.where and cut(problem.where, characters),
    )
