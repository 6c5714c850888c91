"""Does Spark, which had no part in the normalization, find z-scores in its output?"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce

from contracts.metrics import ColumnMetrics, NormalizeMetrics
from contracts.moments import Moments, is_constant
from contracts.report import EngineReport
from contracts.summary import ColumnSummary, Summary

TOLERANCES = {"float64": 1e-9, "float32": 1e-6}
"""How far mean and std may be from 0 and 1. A float32 z-score is itself off by 6e-8 of its size."""

CONDITION_FACTOR = 8.0
"""In units of the double's last place, how far off the mean of a column may be computed.

Beside a mean much larger than the std (a year, a time stamp) that error is large in terms of the
std, so the tolerance grows with their ratio: by 2e-7 for a ratio of 1e8.
"""


FAULTS_TOLD = 10


@dataclass(frozen=True)
class _Deviation:
    column: str
    statistic: str
    found: float
    expected: float
    tolerance: float

    @property
    def size(self) -> float:
        return abs(self.found - self.expected)

    def __str__(self) -> str:
        return f"column {self.column!r}, {self.statistic}: {self.found!r} and not {self.expected}"


def check_engine(summary: Summary, metrics: NormalizeMetrics, dtype: str) -> EngineReport:
    """Compare Spark's `summary` of the normalized columns with what z-scores must look like.

    `metrics` are those of the source columns; `dtype` is that of the normalized ones.
    """
    faults = []
    deviations: list[_Deviation] = []
    for index, name in enumerate(summary.columns):
        source = metrics.columns[name]
        moments = merged_moments(group.columns[index] for group in summary.groups)
        if moments.count != source.count:
            faults.append(
                f"column {name!r}: {source.count} values were normalized, {moments.count} are there"
            )
        elif moments.count:
            deviations += _deviations(name, moments, source, TOLERANCES[dtype])
    largest = max(deviations, key=lambda deviation: deviation.size, default=None)
    faults += [str(deviation) for deviation in deviations if deviation.size > deviation.tolerance]
    return EngineReport(
        confirmed=not faults,
        largest_deviation=largest.size if largest else 0.0,
        where=f"column {largest.column!r}, {largest.statistic}" if largest else None,
        faults=tuple(faults[:FAULTS_TOLD]),
    )


def merged_moments(groups: Iterator[ColumnSummary]) -> Moments:
    """The moments of a column over all groups."""
    return reduce(Moments.merge, map(_moments, groups), Moments())


def _moments(column: ColumnSummary) -> Moments:
    if column.mean is None or column.std is None:
        return Moments()
    return Moments(
        count=column.count,
        mean=column.mean,
        m2=column.std**2 * column.count,
        minimum=column.minimum,
        maximum=column.maximum,
    )


def _deviations(
    name: str, moments: Moments, source: ColumnMetrics, tolerance: float
) -> Iterator[_Deviation]:
    assert moments.std is not None
    assert source.mean is not None
    assert source.std is not None
    constant = is_constant(source.count, source.mean, source.std**2)
    scale = 1.0 if constant else source.std
    tolerance += CONDITION_FACTOR * sys.float_info.epsilon * abs(source.mean) / scale
    yield _Deviation(name, "mean", moments.mean, 0.0, tolerance)
    yield _Deviation(name, "std", moments.std, source.std / scale, tolerance)
