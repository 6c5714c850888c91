"""The DataFrame pipeline: Spark SQL's own aggregates, no Python on the way of a row.

Many rows of few columns are scanned once, for sums that everything follows from. Fewer rows, more
columns, and nulls in so many patterns that the sums would hardly be fewer than the rows, take the
long form.
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from collections.abc import Sequence
from operator import attrgetter
from typing import Any
from urllib.parse import unquote

import pyarrow
from pyspark.sql import DataFrame, SparkSession, types
from pyspark.sql.pandas.types import from_arrow_type

from contracts.spec import SparkSpec
from contracts.summary import MOST_CORRELATED, GroupSummary, Summary
from spark_jobs import long_form, one_pass
from spark_jobs.correlation import matrix
from spark_jobs.groups import check_number, in_order, key_text, key_type, varying
from spark_jobs.job import Pipeline, main
from spark_jobs.long_form import MANY_ROWS, Cell
from spark_jobs.parquet_parts import open_part
from spark_jobs.sample import take_sample

ROWS_PER_CELL = 10
"""What the one pass keeps of a cell, a key with a pattern of nulls, has to stand for some rows."""

UNSIGNED = {
    pyarrow.uint8(): types.ShortType(),
    pyarrow.uint16(): types.IntegerType(),
    pyarrow.uint32(): types.LongType(),
    pyarrow.uint64(): types.DecimalType(20, 0),
}
"""As Spark reads Parquet's unsigned integers, which it has no types for."""


def summarise(session: SparkSession, spec: SparkSpec) -> Summary:
    """The summary of the spec's inputs. Raises GroupingError, and what Spark and pyarrow raise."""
    width = len(spec.columns)
    with open_part(spec.inputs[0]) as part:
        schema = part.schema_arrow
        may_scan_once = spec.rows >= MANY_ROWS and width <= one_pass.MOST_COLUMNS
        sample = take_sample(part, spec.columns, spec.group_by) if may_scan_once else None
    group_type = pyarrow.string() if spec.group_by is None else schema.field(spec.group_by).type
    frame = read(session, spec, group_type)
    if sample and sample.cells * ROWS_PER_CELL <= sample.rows:
        cells, r = one_pass.summarise(frame, width, spec.rows, sample.reached)
        groups = in_order(_group_summaries(cells, group_type))
        varies = varying(groups)[:MOST_CORRELATED]
    else:
        groups = in_order(_group_summaries(long_form.by_group(frame, range(width)), group_type))
        varies = varying(groups)[:MOST_CORRELATED]
        columns = [column for column, is_varying in enumerate(varies) if is_varying]
        r = long_form.correlations(frame, columns, spec.rows)
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
    if spec.group_by is not None:
        stored[spec.group_by] = spark_type(key_type(group_type))
    schema = types.StructType([types.StructField(*field) for field in stored.items()])
    # Names of our own, so that no expression has to quote the file's.
    places = {name: f"at{place}" for place, name in enumerate(stored)}
    key = "CAST(NULL AS STRING)" if spec.group_by is None else places[spec.group_by]
    paths = [hadoop_path(uri) for uri in spec.inputs]
    return (
        session.read.schema(schema)
        .parquet(*paths)
        .toDF(*places.values())
        .selectExpr(
            f"{key} AS key",
            *(f"CAST({places[name]} AS DOUBLE) AS c{i}" for i, name in enumerate(spec.columns)),
        )
    )


def spark_type(key: Any) -> types.DataType:
    """The type in which Spark reads Parquet keys of the Arrow type `key`."""
    return UNSIGNED.get(key) or from_arrow_type(key)


def hadoop_path(uri: str) -> str:
    """As Hadoop wants a local file: its characters as they are, but no part read as a pattern."""
    if not uri.startswith("file:"):
        return uri
    return re.sub(r"[][{}*?\\]", r"\\\g<0>", unquote(uri))


def _group_summaries(cells: Sequence[Cell], group_type: Any) -> list[GroupSummary]:
    by_text: dict[str | None, list[Cell]] = defaultdict(list)
    for cell in sorted(cells, key=attrgetter("column")):
        by_text[key_text(cell.key, group_type)].append(cell)
    check_number(len(by_text))
    return [
        GroupSummary(text, of_group[0].rows, tuple(cell.summary for cell in of_group))
        for text, of_group in by_text.items()
    ]


if __name__ == "__main__":
    sys.exit(main(Pipeline("dataframe", summarise)))
