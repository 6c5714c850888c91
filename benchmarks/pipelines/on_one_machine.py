"""The same summary by Polars in one process, which has as many threads as Spark has cores.

    python -m benchmarks.pipelines.on_one_machine PLAN RESULT

Polars rather than DuckDB: over five million rows it took three quarters of the CPU time, over
300,000 two thirds of it. The scans of both queries run together, as one.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Any

import polars

from benchmarks.pipelines.data import COLUMNS, GROUP_BY
from benchmarks.pipelines.measurements import (
    Dataset,
    Measured,
    OneMachineMeasurements,
    Plan,
    read,
    write,
)
from contracts.summary import OUTLIER_Z, ColumnSummary, GroupSummary, Summary
from spark_jobs.correlation import matrix
from spark_jobs.groups import in_order, varying
from spark_jobs.turns import Runner, run_by_turns, say


def main(plan_path: str, result_path: str) -> None:
    plan = read(Plan, Path(plan_path))
    sizes = tuple(measure(dataset) for dataset in plan.datasets)
    engine = f"Polars {polars.__version__}"
    write(OneMachineMeasurements(engine, sizes), Path(result_path))


def measure(dataset: Dataset) -> Measured:
    say(f"Polars, {dataset.rows:,} rows")
    runner = Runner("polars", partial(summarise, dataset.path))
    run_by_turns([runner])
    result = runner.result()
    return Measured(result.timings, result.summary)


def summarise(path: str) -> Summary:
    """The summary of the Parquet file at `path`."""
    frame = polars.scan_parquet(path)
    by_group, correlations = polars.collect_all([_by_group(frame), _correlations(frame)])
    groups = in_order(map(_group, by_group.iter_rows(named=True)))
    r = correlations.row(0, named=True)
    return Summary(
        pipeline="polars",
        rows=sum(group.rows for group in groups),
        group_by=GROUP_BY,
        columns=COLUMNS,
        groups=groups,
        correlation=matrix(varying(groups), lambda i, j: r[f"{i} {j}"]),
    )


def _by_group(frame: polars.LazyFrame) -> polars.LazyFrame:
    statistics = [polars.len().alias("rows")]
    for name in COLUMNS:
        column = polars.col(name)
        statistics += [
            column.count().alias(f"count {name}"),
            column.mean().alias(f"mean {name}"),
            column.std(ddof=0).alias(f"std {name}"),
            column.min().alias(f"minimum {name}"),
            column.max().alias(f"maximum {name}"),
            (column.abs() > OUTLIER_Z).sum().alias(f"outliers {name}"),
        ]
    return frame.group_by(GROUP_BY).agg(statistics)


def _correlations(frame: polars.LazyFrame) -> polars.LazyFrame:
    pairs = [(i, j) for j in range(len(COLUMNS)) for i in range(j)]
    return frame.select(polars.corr(COLUMNS[i], COLUMNS[j]).alias(f"{i} {j}") for i, j in pairs)


def _group(row: dict[str, Any]) -> GroupSummary:
    statistics = ("count", "mean", "std", "minimum", "maximum", "outliers")
    return GroupSummary(
        row[GROUP_BY],
        row["rows"],
        tuple(ColumnSummary(*(row[f"{s} {name}"] for s in statistics)) for name in COLUMNS),
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
