"""The report: what the analysis found, kept as `report.json` and merged into the job document.

The fields are named as the job document names them. Money is in US dollars, times in seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Basis(StrEnum):
    """Whether AWS said what it bills, or a run time was multiplied by a price."""

    BILLED = "billed"
    ESTIMATED = "estimated"


@dataclass(frozen=True)
class ColumnReport:
    """A source column before normalization; statistics of no values are None."""

    count: int
    nulls: int
    non_finite: int
    mean: float | None
    std: float | None
    min: float | None
    max: float | None


@dataclass(frozen=True)
class NormalizeReport:
    """What normalization did. `device` is a CUDA device's name or `cpu`.

    `scratch_bytes` of the rows did not fit into memory between the two passes over them.
    """

    records: int
    seconds: float
    records_per_s: float
    device: str
    device_reason: str
    input_bytes: int
    output_bytes: int
    scratch_bytes: int
    columns: dict[str, ColumnReport]


@dataclass(frozen=True)
class PipelineReport:
    """The timed runs of one pipeline. `records_per_s` is by the median run.

    A pipeline that failed says why in `error`; one without runs has no statistics.
    """

    runs_s: tuple[float, ...]
    median_s: float | None
    min_s: float | None
    max_s: float | None
    records_per_s: float | None
    error: str | None


@dataclass(frozen=True)
class AgreementReport:
    """How far the two pipelines' summaries are apart.

    `largest_difference` is relative and `where` names its group, column and statistic.
    `mismatches` are, in words, the first of the things that ought to be equal and are not.
    """

    agree: bool
    largest_difference: float
    where: str | None
    mismatches: tuple[str, ...]


@dataclass(frozen=True)
class EngineReport:
    """The normalization checked by Spark: each column's mean is 0 and its std 1 (constant: 0).

    `largest_deviation` from those is at `where`; `faults` are, in words, the first of the things
    that are out of bounds.
    """

    confirmed: bool
    largest_deviation: float
    where: str | None
    faults: tuple[str, ...]


@dataclass(frozen=True)
class SparkReport:
    """`speedup` is the RDD pipeline's median time over the DataFrame one's, `ci95` its interval.

    `agree`, `agreement`, `speedup` are None unless both pipelines ran; a speed-up is not given
    for pipelines that disagree. `verdict` says in words what there is to know.
    """

    rows: int
    cores: int
    startup_seconds: float
    warm_up_seconds: float
    rdd: PipelineReport | None
    dataframe: PipelineReport | None
    speedup: float | None
    ci95: tuple[float, float] | None
    verdict: str
    agree: bool | None
    agreement: AgreementReport | None
    engine: EngineReport


@dataclass(frozen=True)
class QualityReport:
    """Shares are between 0 and 1 and `score` between 0 and 100; `analysis.quality` defines them.

    `outlier_shares` is by column and leaves out columns that are constant or
    have no values.
    """

    score: float
    completeness: float
    null_share: float
    non_finite_share: float
    quarantined: int
    quarantined_share: float
    constant_columns: tuple[str, ...]
    empty_columns: tuple[str, ...]
    outlier_shares: dict[str, float]


@dataclass(frozen=True)
class StageCost:
    """`detail` is the sum in words, such as `12.5 s of g4dn.xlarge at $0.526 an hour`."""

    usd: float
    per_record_usd: float
    basis: Basis
    detail: str


@dataclass(frozen=True)
class CostReport:
    """`prices_as_of` dates the prices, which are those of `region`.

    `not_included` says what the total leaves out.
    """

    total_usd: float
    per_record_usd: float
    by_stage: dict[str, StageCost]
    prices_as_of: str
    region: str
    not_included: str


@dataclass(frozen=True)
class Metrics:
    """The `metrics` of the job document."""

    normalize: NormalizeReport
    spark: SparkReport
    quality: QualityReport


@dataclass(frozen=True)
class Report:
    """All that is known about a finished job. `warnings` are those of its compute stages too."""

    job_id: str
    records_processed: int
    metrics: Metrics
    cost: CostReport
    warnings: tuple[str, ...]
