"""What the stages measured about themselves."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ColumnMetrics:
    """A source column before normalization; statistics of no values are None.

    `count` values went into the moments; `nulls` were null or NaN and `non_finite` were ±inf.
    """

    count: int
    nulls: int
    non_finite: int
    mean: float | None
    std: float | None
    minimum: float | None
    maximum: float | None


@dataclass(frozen=True)
class NormalizeMetrics:
    """`seconds` is reading, computing and writing; `device` is a CUDA device's name or `cpu`.

    `device_reason` says why that device; `quarantined` rows were kept aside. `group_by` is the
    column by which the rows can be grouped, None for one group. `scratch_bytes` of the rows went
    to local disk between the passes, because they did not fit into memory.
    """

    records: int
    seconds: float
    records_per_s: float
    device: str
    device_reason: str
    input_bytes: int
    output_bytes: int
    quarantined: int
    columns: dict[str, ColumnMetrics]
    group_by: str | None = None
    scratch_bytes: int = 0


@dataclass(frozen=True)
class PipelineTimings:
    """The wall times of one pipeline's timed runs, in the order they ran, or why it failed."""

    seconds: tuple[float, ...]
    error: str | None = None


@dataclass(frozen=True)
class SparkTimings:
    """`startup_seconds` is until the session answers, `warm_up_seconds` the untimed first runs.

    The runs of the pipelines alternated, `rdd` first; a pipeline that was not asked for is None.
    """

    rows: int
    cores: int
    startup_seconds: float
    warm_up_seconds: float
    dataframe: PipelineTimings | None
    rdd: PipelineTimings | None
