"""The DataFrame pipeline: Spark SQL's own aggregates, no Python on the way of a row.

Two aggregations, each a scan of its own, because what Spark keeps of a correlation does not merge
across groups. The statistics are of the long form, a row for each value, so that there are six
aggregates whatever the number of columns. So are the correlations of few rows; those of many rows
are an aggregate for each pair, which takes longer to compile and less for each row. Spark updates
means, deviations and correlations one by one, as Chan, Golub and LeVeque do.
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from collections.abc import Sequence
from itertools import combinations
from operator import itemgetter
from typing import Any
from urllib.parse import unquote

import pyarrow
from pyspark.sql import Column, DataFrame, Row, SparkSession, functions, types
from pyspark.sql.pandas.types import from_arrow_type

from contracts.spec import SparkSpec
from contracts.summary import (
    MOST_CORRELATED,
    OUTLIER_Z,
    ColumnSummary,
    GroupSummary,
    Summary,
)
from spark_jobs.correlation import matrix
from spark_jobs.groups import check_number, in_order, key_text, key_type
from spark_jobs.job import Pipeline, main
from spark_jobs.parquet_parts import open_part

Pair = tuple[int, int]

STATISTICS = ("count", "mean", "std", "minimum", "maximum", "outliers")

UNSIGNED = {
    pyarrow.uint8(): types.ShortType(),
    pyarrow.uint16(): types.IntegerType(),
    pyarrow.uint32(): types.LongType(),
    pyarrow.uint64(): types.DecimalType(20, 0),
}
"""As Spark reads Parquet's unsigned integers, which it has no types for."""

PAIRS_AT_ONCE = 100
"""Correlations of one aggregation; a few hundred make code that the JVM will not compile."""

MOST_ROWS_TO_EXPLODE = 500_000
"""Up to here a row for each row and pair takes less time than compiling an aggregate for each."""


def summarise(session: SparkSession, spec: SparkSpec) -> Summary:
    """The summary of the spec's inputs. Raises GroupingError, and what Spark and pyarrow raise."""
    with open_part(spec.inputs[0]) as part:
        schema = part.schema_arrow
    group_type = pyarrow.string() if spec.group_by is None else schema.field(spec.group_by).type
    frame = read(session, spec, group_type)
    rows = by_group(frame, len(spec.columns)).collect()
    groups = in_order(_group_summaries(rows, group_type))
    varies = _varies(groups)[:MOST_CORRELATED]
    varying = [column for column, is_varying in enumerate(varies) if is_varying]
    r = correlations(frame, varying, spec.rows)
    return Summary(
        pipeline="dataframe",
        rows=sum(group.rows for group in groups),
        group_by=spec.group_by,
        columns=spec.columns,
        groups=groups,
        correlation=matrix(varies, lambda i, j: r[i, j]),
    )


def read(session: SparkSession, spec: SparkSpec, group_type: Any) -> DataFrame:
    """The frame of `key`, what the rows are grouped by, and the columns as doubles c0, c1, …

    Only these have a type here, so the parts may have columns of types that Spark does not know.
    `group_type` is the Arrow type of the grouping column.
    """
    stored: dict[str, types.DataType] = {name: types.DoubleType() for name in spec.columns}
    key = functions.lit(None).cast("string")
    if spec.group_by is not None:
        stored[spec.group_by] = spark_type(key_type(group_type))
        key = _column(spec.group_by)
    schema = types.StructType([types.StructField(*field) for field in stored.items()])
    values = [
        _column(name).cast("double").alias(f"c{index}") for index, name in enumerate(spec.columns)
    ]
    paths = [_path(uri) if uri.startswith("file:") else uri for uri in spec.inputs]
    return session.read.schema(schema).parquet(*paths).select(key.alias("key"), *values)


def spark_type(key: Any) -> types.DataType:
    """The type in which Spark reads Parquet keys of the Arrow type `key`."""
    return UNSIGNED.get(key) or from_arrow_type(key)


def by_group(frame: DataFrame, width: int) -> DataFrame:
    """One row for each group's `key` and each `column`, 0 … width - 1, with its statistics."""
    values = ", ".join(f"{index}, c{index}" for index in range(width))
    long_form = frame.select("key", functions.expr(f"stack({width}, {values}) AS (column, value)"))
    value = functions.col("value")
    return long_form.groupBy("key", "column").agg(
        functions.count(functions.lit(1)).alias("rows"),
        functions.count(value).alias("count"),
        functions.avg(value).alias("mean"),
        functions.stddev_pop(value).alias("std"),
        functions.min(value).alias("minimum"),
        functions.max(value).alias("maximum"),
        functions.count_if(functions.abs(value) > OUTLIER_Z).alias("outliers"),
    )


def correlations(frame: DataFrame, columns: Sequence[int], rows: int) -> dict[Pair, float | None]:
    """Pearson's r of each pair of `columns`, None when one is constant where both are present.

    `rows` is how many the frame has.
    """
    if rows < MOST_ROWS_TO_EXPLODE:
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


def _path(uri: str) -> str:
    """As Hadoop wants it: its characters as they are, but no part of it read as a pattern."""
    return re.sub(r"[][{}*?\\]", r"\\\g<0>", unquote(uri))


def _column(name: str) -> Column:
    return functions.col("`" + name.replace("`", "``") + "`")


def _varies(groups: Sequence[GroupSummary]) -> list[bool]:
    """Of each column, whether it has two different values in all groups together."""
    by_column = zip(*(group.columns for group in groups), strict=True)
    return [
        len({x for column in of_column for x in (column.minimum, column.maximum)} - {None}) > 1
        for of_column in by_column
    ]


def _group_summaries(rows: Sequence[Row], group_type: Any) -> list[GroupSummary]:
    by_text: dict[str | None, list[Row]] = defaultdict(list)
    for row in sorted(rows, key=itemgetter("column")):
        by_text[key_text(row["key"], group_type)].append(row)
    check_number(len(by_text))
    return [
        GroupSummary(
            group=text,
            rows=of_group[0]["rows"],
            columns=tuple(ColumnSummary(*(row[name] for name in STATISTICS)) for row in of_group),
        )
        for text, of_group in by_text.items()
    ]


if __name__ == "__main__":
    sys.exit(main(Pipeline("dataframe", summarise)))
