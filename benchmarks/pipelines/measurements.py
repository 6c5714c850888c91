"""What the measuring processes are told and what they hand back, as JSON files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from contracts.codec import from_json, to_json
from contracts.metrics import PipelineTimings, SparkTimings
from contracts.summary import Summary

T = TypeVar("T")


@dataclass(frozen=True)
class Dataset:
    """A Parquet file of `rows`."""

    rows: int
    path: str


@dataclass(frozen=True)
class Plan:
    """`baseline_up_to` is the most rows that the row-at-a-time baseline gets; 0 is for none."""

    datasets: tuple[Dataset, ...]
    baseline_up_to: int


@dataclass(frozen=True)
class Measured:
    """One contender over one dataset; `summary` is None when it failed."""

    timings: PipelineTimings
    summary: Summary | None


@dataclass(frozen=True)
class OnSpark:
    """Both pipelines over one dataset, and the baseline where it ran."""

    timings: SparkTimings
    rdd: Summary | None
    dataframe: Summary | None
    baseline: Measured | None


@dataclass(frozen=True)
class SparkMeasurements:
    """In the order of the plan's datasets."""

    sizes: tuple[OnSpark, ...]


@dataclass(frozen=True)
class OneMachineMeasurements:
    """In the order of the plan's datasets; `engine` is its name and version."""

    engine: str
    sizes: tuple[Measured, ...]


def read(cls: type[T], path: Path) -> T:
    """The document of class `cls` in a file. Raises DocumentError."""
    return from_json(cls, path.read_text(encoding="utf-8"))


def write(document: object, path: Path) -> None:
    """The inverse of `read`."""
    path.write_text(to_json(document), encoding="utf-8")
