"""From measurements to findings: who is faster at which size, and from where on Spark pays."""

from __future__ import annotations

from dataclasses import dataclass

from analysis.agreement import compare_summaries
from analysis.comparison import compare_speed, pipeline_report
from benchmarks.pipelines.measurements import (
    Measured,
    OneMachineMeasurements,
    OnSpark,
    SparkMeasurements,
)
from contracts.report import AgreementReport, PipelineReport
from contracts.summary import Summary


@dataclass(frozen=True)
class SizeFindings:
    """One size. `speedup` is the RDD pipeline's median time over the DataFrame one's.

    `agree` says whether all that ran left the same summary. `over_baseline` is how many times as
    fast as the row-at-a-time `baseline` the RDD pipeline is.
    """

    rows: int
    rdd: PipelineReport
    dataframe: PipelineReport
    one_machine: PipelineReport
    baseline: PipelineReport | None
    over_baseline: float | None
    speedup: float | None
    ci95: tuple[float, float] | None
    verdict: str
    agree: bool


@dataclass(frozen=True)
class Findings:
    """`spark_pays_from` is the size from which on the faster Spark pipeline beats one machine.

    `startup_seconds` is in none of the times.
    """

    command: str
    measured_at: str
    cores: int
    columns: int
    engine: str
    startup_seconds: float
    sizes: tuple[SizeFindings, ...]
    spark_pays_from: int | None
    verdict: str


def find(
    spark: SparkMeasurements,
    one_machine: OneMachineMeasurements,
    columns: int,
    command: str,
    measured_at: str,
) -> Findings:
    """What the measurements of at least one size say."""
    sizes = tuple(
        _size(on_spark, alone)
        for on_spark, alone in zip(spark.sizes, one_machine.sizes, strict=True)
    )
    pays_from = spark_pays_from(sizes)
    timings = spark.sizes[0].timings
    return Findings(
        command=command,
        measured_at=measured_at,
        cores=timings.cores,
        columns=columns,
        engine=one_machine.engine,
        startup_seconds=timings.startup_seconds,
        sizes=sizes,
        spark_pays_from=pays_from,
        verdict=_verdict(pays_from, one_machine.engine, timings.startup_seconds),
    )


def spark_pays_from(sizes: tuple[SizeFindings, ...]) -> int | None:
    """The least size from which on Spark is faster than one machine, at all sizes measured.

    Faster is the slowest run of a pipeline below the fastest of the other, for these runs did not
    alternate. Sizes at which something failed, or the summaries differ, show nothing.
    """
    found = None
    for size in sorted(sizes, key=lambda size: size.rows, reverse=True):
        pipelines = (size.rdd, size.dataframe)
        on_spark = [one.max_s for one in pipelines if one.max_s is not None and not one.error]
        alone = size.one_machine.min_s
        if not (size.agree and on_spark and alone and min(on_spark) < alone):
            break
        found = size.rows
    return found


def _size(on_spark: OnSpark, alone: Measured) -> SizeFindings:
    timings = on_spark.timings
    assert timings.rdd is not None and timings.dataframe is not None
    agreement = _agreement(on_spark.rdd, on_spark.dataframe)
    comparison = compare_speed(timings, agreement)
    measured = on_spark.baseline
    baseline = pipeline_report(measured.timings, timings.rows) if measured else None
    rdd = pipeline_report(timings.rdd, timings.rows)
    others = [alone.summary, *([measured.summary] if measured else [])]
    agreements = [agreement, *(_agreement(on_spark.rdd, other) for other in others)]
    return SizeFindings(
        rows=timings.rows,
        rdd=rdd,
        dataframe=pipeline_report(timings.dataframe, timings.rows),
        one_machine=pipeline_report(alone.timings, timings.rows),
        baseline=baseline,
        over_baseline=_ratio(baseline, rdd),
        speedup=comparison.speedup,
        ci95=comparison.ci95,
        verdict=comparison.verdict,
        agree=all(one is not None and one.agree for one in agreements),
    )


def _agreement(one: Summary | None, other: Summary | None) -> AgreementReport | None:
    return compare_summaries(one, other) if one and other else None


def _ratio(slower: PipelineReport | None, faster: PipelineReport) -> float | None:
    if slower is None or slower.median_s is None or faster.median_s is None:
        return None
    return slower.median_s / faster.median_s


def _verdict(pays_from: int | None, engine: str, startup_seconds: float) -> str:
    pays = (
        f"Up to the largest of these sizes Spark is not faster than {engine} on the same cores"
        if pays_from is None
        else f"From {pays_from:,} rows on Spark is faster than {engine} on the same cores"
    )
    return f"{pays}; the {startup_seconds:.1f} s that Spark takes to start are left out."
