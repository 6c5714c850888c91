import math
from dataclasses import replace
from statistics import fmean, pstdev

import pytest

from analysis.report import StageResults, Usage, build_report
from contracts.billing import BilledResources
from contracts.codec import from_json, to_json, to_plain
from contracts.metrics import PipelineTimings
from contracts.report import Basis, Report

FARES = [8.0, 9.5, 11.0, 30.0]
USAGE = Usage(
    region="eu-west-1",
    normalize_seconds=12.0,
    normalize_on_gpu_queue=True,
    spark_seconds=40.0,
    billed=BilledResources(0.5, 2.0, 0.0),
    analyze_seconds=0.2,
    analyze_memory_mb=1024,
)


@pytest.fixture
def results(summarise, column_metrics, normalize_metrics, spark_timings):
    """What the stages leave of four fares, all in order."""
    mean, std = fmean(FARES), pstdev(FARES)
    z = [(fare - mean) / std for fare in FARES]
    groups = {"AA": z[:2], "UA": z[2:]}
    fare = column_metrics(count=4, mean=mean, std=std, minimum=8.0, maximum=30.0)
    return StageResults(
        job_id="fares",
        dtype="float64",
        metrics=normalize_metrics({"fare": fare}),
        timings=spark_timings(),
        dataframe=summarise(groups),
        rdd=summarise(groups, "rdd"),
        warnings=("column 'note': mixed types, left as text",),
    )


def shifted(summary, by):
    groups = tuple(
        replace(group, columns=tuple(replace(c, mean=c.mean + by) for c in group.columns))
        for group in summary.groups
    )
    return replace(summary, groups=groups)


def test_a_job_in_order_is_reported_whole(results):
    report = build_report(results, USAGE)

    assert report.job_id == "fares"
    assert report.records_processed == 4
    assert report.metrics.spark.agree is True
    assert report.metrics.spark.verdict == "DataFrame is 2x faster."
    assert report.metrics.spark.engine.confirmed
    assert report.metrics.quality.score == 100
    assert report.metrics.normalize.columns["fare"].max == 30.0
    assert list(report.cost.by_stage) == ["normalize", "spark", "analyze"]
    assert report.cost.by_stage["spark"].basis is Basis.BILLED
    assert report.warnings == results.warnings


def test_the_report_has_the_job_documents_field_names(results):
    document = to_plain(build_report(results, USAGE))

    assert set(document["metrics"]) == {"normalize", "spark", "quality"}
    assert set(document["metrics"]["normalize"]) >= {
        *("records", "seconds", "records_per_s", "device", "device_reason", "columns")
    }
    assert set(document["metrics"]["normalize"]["columns"]["fare"]) == {
        *("count", "nulls", "non_finite", "mean", "std", "min", "max")
    }
    assert set(document["metrics"]["spark"]) >= {
        *("rdd", "dataframe", "speedup", "ci95", "verdict", "agree")
    }
    assert set(document["cost"]) >= {
        *("total_usd", "per_record_usd", "by_stage", "prices_as_of", "region")
    }
    assert set(document["cost"]["by_stage"]["spark"]) >= {"usd", "basis"}


def test_the_report_survives_its_way_through_json(results):
    report = build_report(results, USAGE)

    assert from_json(Report, to_json(report)) == report


def test_the_same_results_give_the_same_report(results):
    assert to_json(build_report(results, USAGE)) == to_json(build_report(results, USAGE))


def test_pipelines_that_disagree_are_a_warning_and_not_compared(results):
    report = build_report(replace(results, rdd=shifted(results.rdd, 1e-6)), USAGE)

    assert report.metrics.spark.agree is False
    assert report.metrics.spark.speedup is None
    assert report.metrics.spark.verdict.startswith("The pipelines disagree")
    assert "disagree" in report.warnings[-1]
    assert "column 'fare', mean" in report.warnings[-1]


def test_without_comparison_the_dataframe_pipeline_stands_alone(results, spark_timings):
    alone = replace(results, rdd=None, timings=spark_timings(rdd=None))

    report = build_report(alone, USAGE)

    assert report.metrics.spark.rdd is None
    assert report.metrics.spark.agree is None
    assert report.metrics.spark.speedup is None
    assert report.metrics.spark.dataframe.median_s == pytest.approx(2.1)
    assert report.warnings == results.warnings


@pytest.mark.parametrize("name", ["rdd", "dataframe"])
def test_a_pipeline_that_failed_leaves_the_others_result_standing(results, spark_timings, name):
    failed = PipelineTimings((), "Job aborted due to stage failure")
    timings = spark_timings(**{name: failed})

    report = build_report(replace(results, timings=timings, **{name: None}), USAGE)

    assert report.metrics.spark.agree is None
    assert report.metrics.spark.engine.confirmed
    assert "Job aborted" in report.metrics.spark.verdict
    assert "pipeline failed: Job aborted" in report.warnings[-1]


def test_a_normalization_that_spark_does_not_confirm_is_a_warning(results):
    both = {name: shifted(getattr(results, name), 0.5) for name in ("rdd", "dataframe")}

    report = build_report(replace(results, **both), USAGE)

    assert report.metrics.spark.agree is True
    assert not report.metrics.spark.engine.confirmed
    assert report.warnings[-1].startswith("Spark does not confirm the normalization.")


def test_a_region_without_prices_is_a_warning(results):
    report = build_report(results, replace(USAGE, region="af-south-1"))

    assert report.cost.region == "us-east-1"
    assert report.warnings[-1] == (
        "No prices of af-south-1 are known; those of us-east-1 were taken."
    )


def test_the_cpu_queue_is_priced_by_its_own_rate(results):
    gpu = build_report(results, USAGE).cost.by_stage["normalize"]
    cpu = build_report(results, replace(USAGE, normalize_on_gpu_queue=False)).cost.by_stage

    assert gpu.usd == pytest.approx(12 * 0.587 / 3600)
    assert cpu["normalize"].usd == pytest.approx(12 * (4 * 0.04048 + 16 * 0.004445) / 3600)
    assert math.isclose(cpu["normalize"].per_record_usd, cpu["normalize"].usd / 4)
