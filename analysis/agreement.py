"""Do the RDD and the DataFrame pipeline say the same? Only then may their speeds be compared."""

from __future__ import annotations

from collections.abc import Iterator

from contracts.report import AgreementReport
from contracts.summary import Summary

TOLERANCE = 1e-9
"""The relative difference up to which two statistics are taken for the same."""

SMALLEST_SCALE = 0.01
"""Differences are never taken relative to less than this.

The data are z-scores, of mean 0 and std 1, so a group's mean may be nothing but rounding noise
(1e-17 beside 3e-17). With this floor, what differs by less than 1e-11 counts as equal.
"""

MISMATCHES_TOLD = 10

Place = tuple[str, ...]
Statistic = int | float | str | None


def compare_summaries(rdd: Summary, dataframe: Summary) -> AgreementReport:
    """Compare two summaries of the same data: numbers up to TOLERANCE, all else exactly."""
    mismatches = _mismatches(_shape(rdd), _shape(dataframe))
    largest, where = 0.0, None
    if not mismatches:
        mismatches = _mismatches(_statistics(rdd), _statistics(dataframe))
        largest, where = _largest_difference(rdd, dataframe)
    return AgreementReport(
        agree=not mismatches and largest <= TOLERANCE,
        largest_difference=largest,
        where=None if where is None else ", ".join(where),
        mismatches=tuple(mismatches),
    )


def relative_difference(a: float, b: float) -> float:
    """How far apart two statistics of z-scores are, relative to the larger one; see above."""
    return abs(a - b) / max(abs(a), abs(b), SMALLEST_SCALE)


def _shape(summary: Summary) -> Iterator[tuple[Place, Statistic]]:
    """What must be the same before the statistics can be told apart one by one."""
    yield ("rows",), summary.rows
    yield ("grouping column",), summary.group_by
    yield ("columns",), ", ".join(summary.columns)
    yield ("number of groups",), len(summary.groups)
    yield ("correlated columns",), len(summary.correlation)


def _statistics(summary: Summary) -> Iterator[tuple[Place, Statistic]]:
    for group in summary.groups:
        name = f"group {group.group!r}"
        yield (name, "name"), group.group
        yield (name, "rows"), group.rows
        for column_name, column in zip(summary.columns, group.columns, strict=True):
            place = (name, f"column {column_name!r}")
            yield (*place, "count"), column.count
            yield (*place, "mean"), column.mean
            yield (*place, "std"), column.std
            yield (*place, "minimum"), column.minimum
            yield (*place, "maximum"), column.maximum
            yield (*place, "outliers"), column.outliers
    correlated = summary.columns[: len(summary.correlation)]
    for row_name, row in zip(correlated, summary.correlation, strict=True):
        for column_name, correlation in zip(correlated, row, strict=True):
            yield ("correlation", f"columns {row_name!r} and {column_name!r}"), correlation


def _mismatches(
    rdd: Iterator[tuple[Place, Statistic]], dataframe: Iterator[tuple[Place, Statistic]]
) -> list[str]:
    """The first MISMATCHES_TOLD values that are not equal though they are no two floats."""
    found: list[str] = []
    for (place, a), (_, b) in zip(rdd, dataframe, strict=True):
        if a != b and not (isinstance(a, float) and isinstance(b, float)):
            found.append(f"{', '.join(place)}: {a!r} by RDD, {b!r} by DataFrame")
            if len(found) == MISMATCHES_TOLD:
                break
    return found


def _largest_difference(rdd: Summary, dataframe: Summary) -> tuple[float, Place | None]:
    largest, where = 0.0, None
    for (place, a), (_, b) in zip(_statistics(rdd), _statistics(dataframe), strict=True):
        if isinstance(a, float) and isinstance(b, float):
            difference = relative_difference(a, b)
            if difference > largest:
                largest, where = difference, place
    return largest, where
