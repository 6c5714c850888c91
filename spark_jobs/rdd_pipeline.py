"""The RDD pipeline: Parquet row groups, Arrow and NumPy inside each partition, partials merged.

The driver plans the partitions from the parts' footers. A tree of merges brings one partial to
the driver; rows never leave the executors and never become Python objects.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import reduce
from itertools import groupby
from operator import itemgetter
from typing import Any

import pyarrow
from pyspark.sql import SparkSession

from contracts.spec import SparkSpec
from contracts.summary import MOST_CORRELATED, Summary
from spark_jobs.correlation import matrix
from spark_jobs.group_moments import GroupMoments
from spark_jobs.groups import in_order
from spark_jobs.job import Pipeline, main
from spark_jobs.pair_moments import PairMoments
from spark_jobs.parquet_parts import open_part
from spark_jobs.python_workers import forget_zip_finders
from spark_jobs.session import TASKS_PER_CORE

ROW_GROUPS_PER_TASK = 16
"""At least, where there are several tasks for each core: each costs some hundredths of a second,
and more than a few of them a stage of merges."""

RowGroup = tuple[str, int]
"""A part's URI and the index of a row group in it."""


@dataclass(frozen=True)
class Partial:
    """What some of the rows contribute to the summary."""

    groups: GroupMoments
    pairs: PairMoments

    def merge(self, other: Partial) -> Partial:
        """What both sets of rows contribute."""
        return Partial(self.groups.merge(other.groups), self.pairs.merge(other.pairs))


def summarise(session: SparkSession, spec: SparkSpec) -> Summary:
    """The summary of the spec's inputs. Raises GroupingError, and what Spark and pyarrow raise."""
    context = session.sparkContext
    row_groups = [row_group for uri in spec.inputs for row_group in _row_groups(uri)]
    tasks = task_count(len(row_groups), context.defaultParallelism)
    columns, group_by = spec.columns, spec.group_by
    total = (
        context.parallelize(row_groups, tasks)
        .mapPartitions(lambda some: _partials(some, columns, group_by))
        .treeReduce(Partial.merge)
    )
    return Summary(
        pipeline="rdd",
        rows=int(total.groups.rows.sum()),
        group_by=group_by,
        columns=columns,
        groups=in_order(total.groups.summaries()),
        correlation=matrix(total.groups.varies()[:MOST_CORRELATED], total.pairs.correlation),
    )


def task_count(row_groups: int, cores: int) -> int:
    """One for each core, and up to TASKS_PER_CORE where each has enough to do."""
    fitting = min(TASKS_PER_CORE * cores, row_groups // ROW_GROUPS_PER_TASK)
    return min(row_groups, max(cores, fitting))


def _row_groups(uri: str) -> list[RowGroup]:
    with open_part(uri) as part:
        return [(uri, index) for index in range(part.num_row_groups)]


def _partials(
    row_groups: Iterable[RowGroup], columns: tuple[str, ...], group_by: str | None
) -> Iterator[Partial]:
    """One partial of all the row groups, of which one at a time is in memory."""
    forget_zip_finders()
    names = list(columns) if group_by is None else list({*columns, group_by})
    yield reduce(
        Partial.merge,
        (_partial(table, columns, group_by) for table in _tables(row_groups, names)),
    )


def _tables(row_groups: Iterable[RowGroup], names: list[str]) -> Iterator[Any]:
    for uri, of_part in groupby(row_groups, key=itemgetter(0)):
        with open_part(uri) as part:
            for _, index in of_part:
                # Spark gives each task a core, and this task has no other.
                yield part.read_row_group(index, columns=names, use_threads=False)


def _partial(table: Any, columns: tuple[str, ...], group_by: str | None) -> Partial:
    values = [table[name].cast(pyarrow.float64()).to_numpy() for name in columns]
    group = pyarrow.nulls(len(table), pyarrow.string()) if group_by is None else table[group_by]
    return Partial(
        GroupMoments.of_rows(group, values),
        PairMoments.of_values(values[:MOST_CORRELATED]),
    )


if __name__ == "__main__":
    sys.exit(main(Pipeline("rdd", summarise)))
