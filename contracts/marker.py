"""The marker: what an attempt leaves last. No marker, no result.

Readers open only the files that a marker lists, so half-written or foreign files under the
same prefix are never seen.
"""

from dataclasses import dataclass
from enum import StrEnum

from contracts.problem import Problem


class Outcome(StrEnum):
    """How the attempt ended: with a result, or by refusing its input."""

    SUCCEEDED = "succeeded"
    REJECTED = "rejected"


@dataclass(frozen=True)
class OutputFile:
    """One file of an attempt: `name` is relative to the attempt's prefix.

    `rows` is set for Parquet parts, which are listed in row order.
    """

    name: str
    size_bytes: int
    sha256: str
    rows: int | None = None


@dataclass(frozen=True)
class Marker:
    """`started_at` and `finished_at` are ISO 8601 UTC; `error` is set when REJECTED."""

    job_id: str
    stage: str
    attempt: int
    outcome: Outcome
    started_at: str
    finished_at: str
    files: tuple[OutputFile, ...] = ()
    warnings: tuple[str, ...] = ()
    error: Problem | None = None
