"""Both pipelines by turns over each dataset of a plan, in one session.

spark-submit benchmarks/pipelines/on_spark.py PLAN RESULT
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

from pyspark.sql import SparkSession

from benchmarks.pipelines import row_at_a_time
from benchmarks.pipelines.data import COLUMNS, GROUP_BY
from benchmarks.pipelines.measurements import (
    Dataset,
    Measured,
    OnSpark,
    Plan,
    SparkMeasurements,
    read,
    write,
)
from contracts.metrics import SparkTimings
from contracts.spec import SparkSpec
from spark_jobs import dataframe_pipeline, rdd_pipeline
from spark_jobs.session import open_session, seconds_since_start
from spark_jobs.turns import Runner, run_by_turns, say

WARM_UP_RUNS, WARM_UP_LIMIT = 20, 90.0
"""Of both pipelines over each dataset, or fewer when they take more seconds than that: for so long
the JVM goes on compiling the aggregation of many rows. A job affords one.
"""


def main(plan_path: str, result_path: str) -> None:
    plan = read(Plan, Path(plan_path))
    session = open_session("compare")
    startup_seconds = seconds_since_start(session)
    say(f"Spark is up after {startup_seconds:.1f} s")
    sizes = tuple(
        measure(session, dataset, startup_seconds, baseline=dataset.rows <= plan.baseline_up_to)
        for dataset in plan.datasets
    )
    write(SparkMeasurements(sizes), Path(result_path))


def measure(
    session: SparkSession, dataset: Dataset, startup_seconds: float, *, baseline: bool
) -> OnSpark:
    say(f"Spark, {dataset.rows:,} rows")
    spec = spec_of(dataset)
    rdd = Runner("rdd", partial(rdd_pipeline.summarise, session, spec))
    dataframe = Runner("dataframe", partial(dataframe_pipeline.summarise, session, spec))
    warm_up_seconds = run_by_turns(
        [rdd, dataframe], warm_up_runs=WARM_UP_RUNS, warm_up_limit=WARM_UP_LIMIT
    )
    timings = SparkTimings(
        rows=dataset.rows,
        cores=session.sparkContext.defaultParallelism,
        startup_seconds=startup_seconds,
        warm_up_seconds=warm_up_seconds,
        dataframe=dataframe.result().timings,
        rdd=rdd.result().timings,
    )
    return OnSpark(
        timings,
        rdd.result().summary,
        dataframe.result().summary,
        measure_baseline(session, spec) if baseline else None,
    )


def measure_baseline(session: SparkSession, spec: SparkSpec) -> Measured:
    """One run: there is nothing to warm up in it that is not warm by now, and it is long."""
    runner = Runner("row at a time", partial(row_at_a_time.summarise, session, spec))
    say(f"{runner.pipeline}: {runner.timed_run():.2f} s")
    result = runner.result()
    return Measured(result.timings, result.summary)


def spec_of(dataset: Dataset) -> SparkSpec:
    """The spec that a job over the dataset would get."""
    return SparkSpec(
        job_id="compare",
        attempt=1,
        inputs=(Path(dataset.path).as_uri(),),
        columns=COLUMNS,
        group_by=GROUP_BY,
        compare=True,
        rows=dataset.rows,
        output="",
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
