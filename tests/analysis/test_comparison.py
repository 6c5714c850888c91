from statistics import median

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.comparison import (
    compare_speed,
    confidence_interval,
    pipeline_report,
    ratio_of_medians,
)
from contracts.metrics import PipelineTimings
from contracts.report import AgreementReport

AGREE = AgreementReport(agree=True, largest_difference=1e-15, where=None, mismatches=())
DISAGREE = AgreementReport(agree=False, largest_difference=0.1, where="here", mismatches=())
SECONDS = st.floats(0.01, 1000)
PAIRS = st.lists(st.tuples(SECONDS, SECONDS), min_size=3, max_size=12)


def test_the_runs_of_a_pipeline_in_a_few_numbers():
    report = pipeline_report(PipelineTimings((4.0, 2.0, 5.0)), rows=1000)

    assert (report.min_s, report.median_s, report.max_s) == (2.0, 4.0, 5.0)
    assert report.records_per_s == 250.0
    assert report.runs_s == (4.0, 2.0, 5.0)


def test_a_pipeline_that_failed_before_its_first_run_has_no_numbers():
    report = pipeline_report(PipelineTimings((), "OutOfMemoryError"), rows=1000)

    assert report.error == "OutOfMemoryError"
    assert report.median_s is None
    assert report.records_per_s is None


def test_a_faster_dataframe_is_told_with_its_factor(spark_timings):
    comparison = compare_speed(spark_timings(), AGREE)

    assert comparison.verdict == "DataFrame is 2x faster."
    assert comparison.speedup == pytest.approx(2.0)
    low, high = comparison.ci95
    assert 1 < low <= comparison.speedup <= high


def test_a_faster_rdd_is_told_with_its_factor(spark_timings):
    timings = spark_timings(
        rdd=PipelineTimings((2.0, 2.1, 2.2)), dataframe=PipelineTimings((3.0, 3.15, 3.3))
    )

    comparison = compare_speed(timings, AGREE)

    assert comparison.verdict == "RDD is 1.5x faster."
    assert comparison.speedup == pytest.approx(1 / 1.5)


def test_an_interval_around_one_is_no_difference(spark_timings):
    timings = spark_timings(
        rdd=PipelineTimings((2.0, 2.4, 1.9)),
        dataframe=PipelineTimings((2.1, 2.2, 2.3)),
        rows=336_776,
    )

    comparison = compare_speed(timings, AGREE)

    assert comparison.verdict == "No difference in speed at this size (336,776 rows)."
    assert comparison.ci95[0] <= 1 <= comparison.ci95[1]


def test_two_pairs_are_too_few_for_an_interval(spark_timings):
    timings = spark_timings(
        rdd=PipelineTimings((4.0, 4.0)), dataframe=PipelineTimings((2.0, 2.0, 2.0))
    )

    comparison = compare_speed(timings, AGREE)

    assert comparison.verdict == "DataFrame is 2x faster in 2 paired run(s), too few to be sure."
    assert comparison.speedup == 2.0
    assert comparison.ci95 is None


def test_without_an_rdd_pipeline_there_is_nothing_to_compare(spark_timings):
    comparison = compare_speed(spark_timings(rdd=None), None)

    assert comparison.speedup is None
    assert "Only the DataFrame pipeline was asked for" in comparison.verdict


@pytest.mark.parametrize("name", ["rdd", "dataframe"])
def test_a_pipeline_that_failed_is_not_compared_and_the_verdict_says_why(spark_timings, name):
    failed = PipelineTimings((1.0, 1.0, 1.0), "executor lost")

    comparison = compare_speed(spark_timings(**{name: failed}), None)

    assert comparison.speedup is None
    assert "failed" in comparison.verdict
    assert "executor lost" in comparison.verdict


def test_pipelines_that_disagree_are_not_compared(spark_timings):
    comparison = compare_speed(spark_timings(), DISAGREE)

    assert comparison.speedup is None
    assert comparison.ci95 is None
    assert comparison.verdict.startswith("The pipelines disagree")


def test_a_pipeline_without_a_summary_is_not_compared(spark_timings):
    comparison = compare_speed(spark_timings(), None)

    assert comparison.speedup is None
    assert "left no summary" in comparison.verdict


def test_without_timed_runs_there_is_nothing_to_compare(spark_timings):
    timings = spark_timings(rdd=PipelineTimings(()), dataframe=PipelineTimings(()))

    assert compare_speed(timings, AGREE).speedup is None


@given(PAIRS)
@settings(max_examples=25, deadline=None)
def test_the_interval_holds_the_speedup_and_stays_within_what_was_seen(pairs):
    low, high = confidence_interval(pairs)

    rdd, dataframe = zip(*pairs, strict=True)
    assert low <= ratio_of_medians(pairs) <= high
    assert min(rdd) / max(dataframe) <= low
    assert high <= max(rdd) / min(dataframe)


@given(PAIRS)
@settings(max_examples=10, deadline=None)
def test_the_same_runs_give_the_same_interval(pairs):
    assert confidence_interval(pairs) == confidence_interval(list(pairs))


@given(PAIRS, st.sampled_from([0.25, 0.5, 2.0, 8.0]))
@settings(max_examples=10, deadline=None)
def test_a_faster_machine_changes_neither_speedup_nor_interval(pairs, factor):
    scaled = [(rdd * factor, dataframe * factor) for rdd, dataframe in pairs]

    assert ratio_of_medians(scaled) == ratio_of_medians(pairs)
    assert confidence_interval(scaled) == confidence_interval(pairs)


def test_pairs_are_kept_together_when_the_machine_slows_down():
    """The machine slows down tenfold, which hits both pipelines: the ratio stays certain."""
    pairs = [(2.0 * slow, 1.0 * slow) for slow in (1, 1, 1, 10, 10, 10, 10)]

    low, high = confidence_interval(pairs)

    assert (low, high) == (2.0, 2.0)
    assert median(rdd for rdd, _ in pairs) == 20.0
