"""Statistics by group, and correlations, by Spark's own aggregates of one value or pair at a time.

The statistics are of the long form, a row for each value, so that there are six aggregates
whatever the number of columns. So are the correlations of few rows; those of many rows are an
aggregate for each pair, which takes longer to compile and less for each row. Spark updates means,
deviations and correlations one by one, as Chan, Golub and LeVeque do, so no digits are lost
however far from 0 the values lie.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from pyspark.sql import DataFrame, functions

from contracts.summary import OUTLIER_Z, ColumnSummary

Pair = tuple[int, int]

STATISTICS = ("count", "mean", "std", "minimum", "maximum", "outliers")

PAIRS_AT_ONCE = 100
"""Correlations of one aggregation; a few hundred make code that the JVM will not compile."""

MANY_ROWS = 500_000
"""From here on a row for each row and pair takes more time than compiling aggregates does."""


@dataclass(frozen=True)
class Cell:
    """A column in a group, which has `rows`; `key` is the group's as Spark reads it."""

    key: Any
    column: int
    rows: int
    summary: ColumnSummary


def by_group(frame: DataFrame, columns: Sequence[int]) -> list[Cell]:
    """Each group's statistics of each of `columns` of a frame of `key`, c0, c1, …"""
    values = ", ".join(f"{column}, c{column}" for column in columns)
    stacked = functions.expr(f"stack({len(columns)}, {values}) AS (column, value)")
    value = functions.col("value")
    rows = (
        frame.select("key", stacked)
        .groupBy("key", "column")
        .agg(
            functions.count(functions.lit(1)).alias("rows"),
            functions.count(value).alias("count"),
            functions.avg(value).alias("mean"),
            functions.stddev_pop(value).alias("std"),
            functions.min(value).alias("minimum"),
            functions.max(value).alias("maximum"),
            functions.count_if(functions.abs(value) > OUTLIER_Z).alias("outliers"),
        )
        .collect()
    )
    return [
        Cell(
            row["key"],
            row["column"],
            row["rows"],
            ColumnSummary(*(row[name] for name in STATISTICS)),
        )
        for row in rows
    ]


def correlations(frame: DataFrame, columns: Sequence[int], rows: int) -> dict[Pair, float | None]:
    """Pearson's r of each pair of `columns`, None when one is constant where both are present.

    `rows` is how many the frame has.
    """
    if rows < MANY_ROWS:
        return _exploded_correlations(frame, columns)
    pairs = list(combinations(columns, 2))
    found: dict[Pair, float | None] = {}
    for start in range(0, len(pairs), PAIRS_AT_ONCE):
        some = pairs[start : start + PAIRS_AT_ONCE]
        (row,) = frame.selectExpr(*(f"corr(c{i}, c{j})" for i, j in some)).collect()
        found.update(zip(some, row, strict=True))
    return found


def _exploded_correlations(frame: DataFrame, columns: Sequence[int]) -> dict[Pair, float | None]:
    """The same of a row for each row and pair: little to compile, whatever the number of pairs."""
    values = functions.array(*(f"c{column}" for column in columns))
    pairs = (
        frame.select(values.alias("values"))
        .selectExpr("values", "posexplode(values) AS (i, x)")
        .selectExpr("i", "x", "posexplode(slice(values, i + 2, size(values))) AS (distance, y)")
    )
    found = pairs.groupBy("i", "distance").agg(functions.corr("x", "y").alias("r")).collect()
    return {(columns[row["i"]], columns[row["i"] + 1 + row["distance"]]): row["r"] for row in found}
