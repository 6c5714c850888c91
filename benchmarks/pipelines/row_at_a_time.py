"""The same summary by `aggregateByKey` over rows as Python objects: what most write first.

Each row updates the sums of its group, column by column and pair by pair. It is a baseline to
measure against, for z-scores, whose sums of squares do not cancel.
"""

from __future__ import annotations

import math
from itertools import combinations
from typing import Any

from pyspark.sql import SparkSession

from contracts.spec import SparkSpec
from contracts.summary import OUTLIER_Z, ColumnSummary, GroupSummary, Summary
from spark_jobs.correlation import matrix
from spark_jobs.dataframe_pipeline import hadoop_path
from spark_jobs.groups import in_order

Values = tuple[float | None, ...]


class Sums:
    """Of a group's rows so far: of each column, and of each pair where both are present."""

    def __init__(self, width: int) -> None:
        self.rows = 0
        self.columns = [[0, 0.0, 0.0, math.inf, -math.inf, 0] for _ in range(width)]
        self.pairs = {pair: [0, 0.0, 0.0, 0.0, 0.0, 0.0] for pair in combinations(range(width), 2)}

    def add(self, values: Values) -> Sums:
        """These and one row more."""
        self.rows += 1
        for value, column in zip(values, self.columns, strict=True):
            if value is not None:
                column[0] += 1
                column[1] += value
                column[2] += value * value
                column[3] = min(column[3], value)
                column[4] = max(column[4], value)
                column[5] += abs(value) > OUTLIER_Z
        for (i, j), pair in self.pairs.items():
            x, y = values[i], values[j]
            if x is not None and y is not None:
                pair[0] += 1
                pair[1] += x
                pair[2] += y
                pair[3] += x * x
                pair[4] += y * y
                pair[5] += x * y
        return self

    def merge(self, other: Sums) -> Sums:
        """Those of both sets of rows."""
        self.rows += other.rows
        for mine, theirs in zip(self.columns, other.columns, strict=True):
            mine[:3] = [a + b for a, b in zip(mine[:3], theirs[:3], strict=True)]
            mine[3:] = [min(mine[3], theirs[3]), max(mine[4], theirs[4]), mine[5] + theirs[5]]
        for key, pair in self.pairs.items():
            pair[:] = [a + b for a, b in zip(pair, other.pairs[key], strict=True)]
        return self


def summarise(session: SparkSession, spec: SparkSpec) -> Summary:
    """The summary of the spec's inputs, whose grouping column is text."""
    assert spec.group_by is not None
    width = len(spec.columns)
    rows = (
        session.read.parquet(*map(hadoop_path, spec.inputs))
        .select(spec.group_by, *spec.columns)
        .rdd
    )
    sums = (
        rows.map(lambda row: (row[0], tuple(row[1:])))
        .aggregateByKey(Sums(width), Sums.add, Sums.merge)
        .collect()
    )
    groups = in_order(GroupSummary(key, of.rows, _columns(of)) for key, of in sums)
    everything = Sums(width)
    for _, of_group in sums:
        everything.merge(of_group)
    varies = [column[3] < column[4] for column in everything.columns]
    return Summary(
        pipeline="row at a time",
        rows=everything.rows,
        group_by=spec.group_by,
        columns=spec.columns,
        groups=groups,
        correlation=matrix(varies, lambda i, j: _correlation(everything.pairs[i, j])),
    )


def _columns(sums: Sums) -> tuple[ColumnSummary, ...]:
    return tuple(map(_column, sums.columns))


def _column(sums: list[Any]) -> ColumnSummary:
    count, total, squares, minimum, maximum, outliers = sums
    if not count:
        return ColumnSummary(0, None, None, None, None, 0)
    mean = total / count
    std = math.sqrt(max(0.0, squares / count - mean * mean))
    return ColumnSummary(count, mean, std, minimum, maximum, outliers)


def _correlation(sums: list[Any]) -> float | None:
    n, x, y, xx, yy, xy = sums
    squared = (n * xx - x * x) * (n * yy - y * y)
    return (n * xy - x * y) / math.sqrt(squared) if squared > 0 else None
