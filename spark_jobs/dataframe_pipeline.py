"""The DataFrame pipeline: Spark SQL's own aggregates, no Python on the way of a row.

Two aggregations over the same scan: by group, and for the correlations, over everything. Spark
computes means, deviations and correlations in the updating form of Chan, Golub and LeVeque.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from typing import Any

import pyarrow
from pyspark.sql import Column, DataFrame, Row, SparkSession
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql import types as T  # noqa: N812
from pyspark.sql.pandas.types import from_arrow_type

from contracts.spec import SparkSpec
from contracts.summary import OUTLIER_Z, ColumnSummary, GroupSummary, Summary
from spark_jobs.inputs import group_text, selected_schema, time_text
from spark_jobs.job import run_alone

GROUP = "group"
STATISTICS = ("count", "mean", "std", "minimum", "maximum", "outliers")
PAIRS_AT_ONCE = 32
"""More correlations in one aggregation make a method that the JVM does not compile."""


def summarise(session: SparkSession, spec: SparkSpec) -> Summary:
    """The summary of the spec's inputs."""
    schema = selected_schema(spec)
    frame = read(session, spec, schema)
    width = len(spec.columns)
    groups = by_group(frame, width).collect()
    text = time_text if _is_time(schema, spec) else group_text
    return Summary(
        pipeline="dataframe",
        rows=sum(row["rows"] for row in groups),
        group_by=spec.group_by,
        columns=spec.columns,
        groups=_groups(groups, width, text),
        correlation=_matrix(_correlations(frame, width), width),
    )


def read(session: SparkSession, spec: SparkSpec, schema: Any) -> DataFrame:
    """The columns as doubles named c0, c1, … and the group as `group`."""
    session.conf.set("spark.sql.session.timeZone", "UTC")
    # A correlation with a constant is null, not an error.
    session.conf.set("spark.sql.ansi.enabled", "false")
    session.conf.set("spark.sql.caseSensitive", "true")
    session.conf.set("spark.sql.legacy.parquet.nanosAsLong", "true")
    # So many groups fit one task; more shuffle partitions only cost their start.
    session.conf.set("spark.sql.shuffle.partitions", str(session.sparkContext.defaultParallelism))
    session.conf.set("spark.sql.codegen.maxFields", "2000")
    stored = T.StructType([T.StructField(f.name, _stored_type(f.type)) for f in schema])
    values = [_column(name).cast("double").alias(f"c{i}") for i, name in enumerate(spec.columns)]
    group = F.lit(None).cast("string")
    if spec.group_by is not None:
        group = _group(_column(spec.group_by), schema.field(spec.group_by).type)
    return session.read.schema(stored).parquet(*spec.inputs).select(group.alias(GROUP), *values)


def by_group(frame: DataFrame, width: int) -> DataFrame:
    """Of each group the number of rows, and of each column its STATISTICS as `mean_c0`, …"""
    aggregates = [F.count(F.lit(1)).alias("rows")]
    for column in (f"c{i}" for i in range(width)):
        value = F.col(column)
        found: Sequence[Column] = (
            F.count(value),
            F.avg(value),
            F.stddev_pop(value),
            F.min(value),
            F.max(value),
            F.count_if(F.abs(value) > OUTLIER_Z),
        )
        named = zip(STATISTICS, found, strict=True)
        aggregates += [statistic.alias(f"{name}_{column}") for name, statistic in named]
    return frame.groupBy(GROUP).agg(*aggregates)


def _correlations(frame: DataFrame, width: int) -> dict[tuple[int, int], float | None]:
    """Pearson's r of each pair of columns (i, j), i ≤ j; a column with itself shows constants."""
    pairs = [(i, j) for i in range(width) for j in range(i, width)]
    found: dict[tuple[int, int], float | None] = {}
    for start in range(0, len(pairs), PAIRS_AT_ONCE):
        some = pairs[start : start + PAIRS_AT_ONCE]
        (row,) = frame.agg(*[F.corr(f"c{i}", f"c{j}") for i, j in some]).collect()
        found |= dict(zip(some, map(_finite, row), strict=True))
    return found


def _matrix(
    found: dict[tuple[int, int], float | None], width: int
) -> tuple[tuple[float | None, ...], ...]:
    return tuple(tuple(found[min(i, j), max(i, j)] for j in range(width)) for i in range(width))


def _groups(rows: list[Row], width: int, text: Any) -> tuple[GroupSummary, ...]:
    groups = [
        GroupSummary(text(row[GROUP]), row["rows"], tuple(_summary(row, i) for i in range(width)))
        for row in rows
    ]
    return tuple(sorted(groups, key=lambda group: (group.group is not None, group.group or "")))


def _summary(row: Row, index: int) -> ColumnSummary:
    return ColumnSummary(*(row[f"{name}_c{index}"] for name in STATISTICS))


def _finite(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else value


def _column(name: str) -> Column:
    return F.col("`" + name.replace("`", "``") + "`")


def _stored_type(arrow_type: Any) -> T.DataType:
    if _is_nanoseconds(arrow_type):
        return T.LongType()
    if pyarrow.types.is_dictionary(arrow_type):
        return from_arrow_type(arrow_type.value_type)
    return from_arrow_type(arrow_type)


def _group(column: Column, arrow_type: Any) -> Column:
    if _is_nanoseconds(arrow_type):
        return F.call_function("div", column - F.pmod(column, F.lit(1000)), F.lit(1000))
    if pyarrow.types.is_timestamp(arrow_type):
        return F.unix_micros(column.cast("timestamp"))
    return column


def _is_nanoseconds(arrow_type: Any) -> bool:
    return bool(pyarrow.types.is_timestamp(arrow_type)) and arrow_type.unit == "ns"


def _is_time(schema: Any, spec: SparkSpec) -> bool:
    if spec.group_by is None:
        return False
    return bool(pyarrow.types.is_timestamp(schema.field(spec.group_by).type))


if __name__ == "__main__":
    sys.exit(run_alone("dataframe", summarise))
