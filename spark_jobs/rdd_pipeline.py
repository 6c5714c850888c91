"""The RDD pipeline: partitions of Parquet row groups, pyarrow and NumPy in each, partials merged.

A tree of merges brings one partial to the driver; rows never leave the executors.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from functools import reduce
from typing import Any

import numpy
import pyarrow
import pyarrow.compute
from pyspark.sql import SparkSession

from contracts.spec import SparkSpec
from contracts.summary import Summary
from spark_jobs.inputs import group_text, open_part, time_text
from spark_jobs.job import run_alone
from spark_jobs.partial import Partial, correlation, group_summaries, merge, partial_of

RowGroup = tuple[str, int]
"""A part's URI and the number of a row group in it."""


def summarise(session: SparkSession, spec: SparkSpec) -> Summary:
    """The summary of the spec's inputs."""
    context = session.sparkContext
    row_groups = list_row_groups(spec)
    slices = min(len(row_groups), 4 * context.defaultParallelism)
    partials = context.parallelize(row_groups, slices).mapPartitions(
        lambda some: _summarise_partition(some, spec)
    )
    total = partials.treeReduce(merge)
    return Summary(
        pipeline="rdd",
        rows=int(total.rows.sum()),
        group_by=spec.group_by,
        columns=spec.columns,
        groups=group_summaries(total),
        correlation=correlation(total),
    )


def list_row_groups(spec: SparkSpec) -> list[RowGroup]:
    """Every row group of the inputs, from the footers."""
    found: list[RowGroup] = []
    for uri in spec.inputs:
        with open_part(uri) as part:
            found += [(uri, number) for number in range(part.num_row_groups)]
    return found


def _summarise_partition(row_groups: Iterable[RowGroup], spec: SparkSpec) -> Iterator[Partial]:
    partials = [partial for partial in (_summarise(*one, spec) for one in row_groups) if partial]
    if partials:
        yield reduce(merge, partials)


def _summarise(uri: str, number: int, spec: SparkSpec) -> Partial | None:
    wanted = [*spec.columns, *([] if spec.group_by is None else [spec.group_by])]
    with open_part(uri) as part:
        table = part.read_row_group(number, columns=wanted, use_threads=False)
    if not table.num_rows:
        return None
    values = numpy.empty((table.num_rows, len(spec.columns)))
    for index, name in enumerate(spec.columns):
        column = table[name].cast(pyarrow.float64())
        values[:, index] = column.to_numpy()
    codes, groups = _grouping(table, spec)
    return partial_of(values, codes, groups)


def _grouping(table: Any, spec: SparkSpec) -> tuple[Any, list[str | None]]:
    """Each row's group by number, and the groups' names."""
    if spec.group_by is None:
        return numpy.zeros(table.num_rows, dtype=numpy.int64), [None]
    column = table[spec.group_by].combine_chunks()
    is_time = pyarrow.types.is_timestamp(column.type)
    if is_time:
        column = _microseconds(column)
    encoded = column.dictionary_encode(null_encoding="encode")
    if isinstance(encoded, pyarrow.ChunkedArray):
        encoded = encoded.combine_chunks()
    codes = encoded.indices.to_numpy(zero_copy_only=False).astype(numpy.int64)
    # A dictionary that was stored may name values that no row of this row group has.
    used, codes = numpy.unique(codes, return_inverse=True)
    names = encoded.dictionary.take(pyarrow.array(used)).to_pylist()
    return codes, [time_text(name) if is_time else group_text(name) for name in names]


def _microseconds(column: Any) -> Any:
    """Times as whole microseconds since 1970, rounded down."""
    ticks = column.cast(pyarrow.int64())
    if column.type.unit == "ns":
        rest = pyarrow.compute.subtract(
            ticks, pyarrow.compute.multiply(pyarrow.compute.divide(ticks, 1000), 1000)
        )
        floored = pyarrow.compute.divide(ticks, 1000)
        return pyarrow.compute.if_else(
            pyarrow.compute.less(rest, 0), pyarrow.compute.subtract(floored, 1), floored
        )
    per_tick = {"s": 1_000_000, "ms": 1_000, "us": 1}[column.type.unit]
    return pyarrow.compute.multiply(ticks, per_tick)


if __name__ == "__main__":
    sys.exit(run_alone("rdd", summarise))
