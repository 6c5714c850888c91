"""The report, built from what the stages left."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from analysis.agreement import compare_summaries
from analysis.comparison import compare_speed, pipeline_report
from analysis.cost import (
    batch_charge,
    cost_report,
    function_charge,
    spark_charge,
)
from analysis.engine_check import check_engine
from analysis.prices import prices_for
from analysis.quality import assess_quality
from contracts.billing import BilledResources
from contracts.metrics import ColumnMetrics, NormalizeMetrics, SparkTimings
from contracts.report import (
    AgreementReport,
    ColumnReport,
    CostReport,
    Metrics,
    NormalizeReport,
    Report,
    SparkReport,
)
from contracts.summary import Summary


@dataclass(frozen=True)
class StageResults:
    """What the stages left. A pipeline that left no summary is None, but not both are.

    `dtype` is that of the normalized columns; `warnings` are those of the markers.
    """

    job_id: str
    dtype: str
    metrics: NormalizeMetrics
    timings: SparkTimings
    dataframe: Summary | None
    rdd: Summary | None
    warnings: tuple[str, ...]

    @property
    def summary(self) -> Summary:
        """The one to take for Spark's word."""
        summary = self.dataframe or self.rdd
        assert summary is not None
        return summary


@dataclass(frozen=True)
class Usage:
    """What the stages used. Normalization ran in Batch's GPU queue or else in its CPU queue.

    `billed` is None when EMR Serverless does not say; `analyze_seconds` is how long the analysis
    has taken so far, in a function of `analyze_memory_mb`.
    """

    region: str
    normalize_seconds: float
    normalize_on_gpu_queue: bool
    spark_seconds: float
    billed: BilledResources | None
    analyze_seconds: float
    analyze_memory_mb: int


def build_report(results: StageResults, usage: Usage) -> Report:
    """The report of a job whose stages left `results`; the same input gives the same report."""
    spark = _spark(results)
    cost = _cost(results, usage)
    return Report(
        job_id=results.job_id,
        records_processed=results.metrics.records,
        metrics=Metrics(
            normalize=_normalize(results.metrics),
            spark=spark,
            quality=assess_quality(results.metrics, results.summary),
        ),
        cost=cost,
        warnings=(*results.warnings, *_spark_warnings(spark), *_price_warnings(cost, usage)),
    )


def _normalize(metrics: NormalizeMetrics) -> NormalizeReport:
    return NormalizeReport(
        records=metrics.records,
        seconds=metrics.seconds,
        records_per_s=metrics.records_per_s,
        device=metrics.device,
        device_reason=metrics.device_reason,
        input_bytes=metrics.input_bytes,
        output_bytes=metrics.output_bytes,
        scratch_bytes=metrics.scratch_bytes,
        columns={name: _column(column) for name, column in metrics.columns.items()},
    )


def _column(column: ColumnMetrics) -> ColumnReport:
    return ColumnReport(
        count=column.count,
        nulls=column.nulls,
        non_finite=column.non_finite,
        mean=column.mean,
        std=column.std,
        min=column.minimum,
        max=column.maximum,
    )


def _spark(results: StageResults) -> SparkReport:
    timings = results.timings
    agreement = _agreement(results)
    comparison = compare_speed(timings, agreement)
    return SparkReport(
        rows=timings.rows,
        cores=timings.cores,
        startup_seconds=timings.startup_seconds,
        warm_up_seconds=timings.warm_up_seconds,
        rdd=pipeline_report(timings.rdd, timings.rows) if timings.rdd else None,
        dataframe=(pipeline_report(timings.dataframe, timings.rows) if timings.dataframe else None),
        speedup=comparison.speedup,
        ci95=comparison.ci95,
        verdict=comparison.verdict,
        agree=agreement.agree if agreement else None,
        agreement=agreement,
        engine=check_engine(results.summary, results.metrics, results.dtype),
    )


def _agreement(results: StageResults) -> AgreementReport | None:
    if results.rdd is None or results.dataframe is None:
        return None
    return compare_summaries(results.rdd, results.dataframe)


def _cost(results: StageResults, usage: Usage) -> CostReport:
    prices = prices_for(usage.region)
    return cost_report(
        {
            "normalize": batch_charge(
                usage.normalize_seconds, usage.normalize_on_gpu_queue, prices
            ),
            "spark": spark_charge(usage.billed, usage.spark_seconds, results.timings.cores, prices),
            "analyze": function_charge(usage.analyze_seconds, usage.analyze_memory_mb, prices),
        },
        results.metrics.records,
        prices,
    )


def _spark_warnings(spark: SparkReport) -> Iterator[str]:
    if spark.agreement is not None and not spark.agreement.agree:
        yield f"The RDD and DataFrame pipelines disagree. {_worst(spark.agreement)}"
    for name, pipeline in (("RDD", spark.rdd), ("DataFrame", spark.dataframe)):
        if pipeline is not None and pipeline.error is not None:
            yield f"The {name} pipeline failed: {pipeline.error}"
    if not spark.engine.confirmed:
        yield f"Spark does not confirm the normalization. {spark.engine.faults[0]}"


def _price_warnings(cost: CostReport, usage: Usage) -> Iterator[str]:
    if cost.region != usage.region:
        yield f"No prices of {usage.region} are known; those of {cost.region} were taken."


def _worst(agreement: AgreementReport) -> str:
    if agreement.mismatches:
        return agreement.mismatches[0]
    return f"Largest relative difference {agreement.largest_difference:.2g} at {agreement.where}."
