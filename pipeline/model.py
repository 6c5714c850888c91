"""A job, its attempts and the states they go through.

    SUBMITTED → VALIDATING → QUEUED → NORMALIZING → PROCESSING → ANALYZING → COMPLETED
        └───────────┴───────────┴──────────┴────────────┴────────────┴────→ REJECTED, FAILED

An end is never left and a status never goes backwards; `Job.advance` is the only way to move.
What others write is cut where it enters the job, which has to fit into a DynamoDB item (400 KB).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from contracts.manifest import Options
from contracts.problem import Problem
from pipeline.text import cut

MAX_WARNINGS = 20
"""Of one stage, so that one which warns of every file leaves room for what the others say."""

MAX_WARNINGS_OF_JOB = 50
MAX_WARNING_CHARACTERS = 500
MAX_PROBLEM_CHARACTERS = 2000
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

    @property
    def is_end(self) -> bool:
        return self in (Status.COMPLETED, Status.REJECTED, Status.FAILED)

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

    @property
    def is_end(self) -> bool:
        return self in (AttemptState.SUCCEEDED, AttemptState.FAILED)


@dataclass(frozen=True)
class Attempt:
    """One launch of a stage. Times are ISO 8601 UTC.

    Until `lease_until` only `owner`, one invocation of the coordinator, may launch it.
    """

    stage: Stage
    number: int
    state: AttemptState
    claimed_at: str
    owner: str = ""
    lease_until: str = ""
    external_id: str | None = None
    started_at: str | None = None
    finished_at: str | None = None
    error: Problem | None = None

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
class Job:
    """One run over one dataset: all of the flow's durable state.

    `version` counts the saves; a save is conditional on it. 0 has never been saved.
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

    def latest(self, stage: Stage) -> Attempt | None:
        """The newest attempt of `stage`."""
        return next((a for a in reversed(self.attempts) if a.stage is stage), None)

    def attempt(self, stage: Stage, number: int) -> Attempt | None:
        """Attempt `number` of `stage`."""
        return next((a for a in self.attempts if a.stage is stage and a.number == number), None)

    def with_attempt(self, attempt: Attempt) -> Job:
        """This job with `attempt` added, or put in the place of the one with its number."""
        attempt = replace(attempt, error=_cut(attempt.error))
        others = tuple(
            attempt if (a.stage, a.number) == (attempt.stage, attempt.number) else a
            for a in self.attempts
        )
        return replace(self, attempts=others if attempt in others else (*others, attempt))

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
        return replace(self, status=status, updated_at=now, error=_cut(error) or self.error)


def seconds_between(start: str, end: str) -> float:
    """The seconds from one ISO 8601 time to another."""
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()


def _cut(problem: Problem | None) -> Problem | None:
    if problem is None:
        return None
    return replace(
        problem,
        message=cut(problem.message, MAX_PROBLEM_CHARACTERS),
        where=problem.where and cut(problem.where, MAX_PROBLEM_CHARACTERS),
    )
