import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analysis.quality import assess_quality, outlier_shares


@pytest.fixture
def summary(summarise):
    return summarise({"AA": [0.0, 3.5], "UA": [-4.0, 1.0]})


def test_clean_data_score_100(column_metrics, normalize_metrics, summary):
    quality = assess_quality(normalize_metrics({"fare": column_metrics(count=4)}), summary)

    assert quality.score == 100
    assert quality.completeness == 1
    assert quality.null_share == quality.non_finite_share == quality.quarantined_share == 0
    assert quality.constant_columns == quality.empty_columns == ()


def test_missing_cells_and_lost_rows_lower_the_score(column_metrics, normalize_metrics, summary):
    column = column_metrics(count=6, nulls=1, non_finite=1)

    quality = assess_quality(normalize_metrics({"fare": column}, quarantined=2), summary)

    assert quality.completeness == 0.75
    assert quality.null_share == quality.non_finite_share == 0.125
    assert quality.quarantined_share == 0.2
    assert quality.score == pytest.approx(100 * 0.75 * 0.8)


def test_outliers_are_reported_and_not_scored(column_metrics, normalize_metrics, summary):
    quality = assess_quality(normalize_metrics({"fare": column_metrics(count=4)}), summary)

    assert quality.outlier_shares == {"fare": 0.5}
    assert quality.score == 100


def test_constant_and_empty_columns_are_named(column_metrics, normalize_metrics, summary):
    columns = {
        "fare": column_metrics(count=4),
        "year": column_metrics(count=4, std=0.0),
        "thirds": column_metrics(count=4, mean=0.3, std=2e-17),
        "tip": column_metrics(count=0, nulls=4, mean=None, std=None, minimum=None, maximum=None),
    }

    quality = assess_quality(normalize_metrics(columns), summary)

    assert quality.constant_columns == ("year", "thirds")
    assert quality.empty_columns == ("tip",)
    assert quality.score == pytest.approx(100 * 12 / 16)


def test_what_is_only_centred_has_no_outliers(column_metrics, normalize_metrics, summary):
    column = column_metrics(count=4, mean=1e15, std=1e-3)

    quality = assess_quality(normalize_metrics({"fare": column}), summary)

    assert quality.constant_columns == ("fare",)
    assert quality.outlier_shares == {}


def test_a_column_without_values_has_no_outlier_share(summarise):
    assert outlier_shares(summarise({"AA": []})) == {}


@given(st.integers(0, 1000), st.integers(0, 1000), st.integers(0, 1000), st.integers(0, 1000))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_scores_and_shares_stay_in_their_ranges(
    column_metrics, normalize_metrics, summary, count, nulls, non_finite, quarantined
):
    column = column_metrics(count=count, nulls=nulls, non_finite=non_finite)

    quality = assess_quality(normalize_metrics({"fare": column}, quarantined), summary)

    assert 0 <= quality.score <= 100
    assert 0 <= quality.quarantined_share <= 1
    if count + nulls + non_finite:
        shares = quality.completeness + quality.null_share + quality.non_finite_share
        assert shares == pytest.approx(1)
