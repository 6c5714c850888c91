from __future__ import annotations

import math
from functools import reduce

import numpy
import pandas
import pyarrow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.grouping import MOST_GROUPS
from spark_jobs.group_moments import GroupMoments
from spark_jobs.groups import GroupingError
from tests.spark_jobs.merging import draw_slices, merge_in_any_order
from tests.spark_jobs.oracle import column_summary

STEP = 1 / 16
"""Values are whole multiples of it, so that they are exact beside a large mean."""

cells = st.none() | st.integers(-80, 80)
rows_of_two_columns = st.lists(
    st.tuples(st.sampled_from(["a", "b", "c", None]), cells, cells), min_size=1, max_size=60
)


def moments_of(rows, width=None):
    """The moments of rows of a group's text and values."""
    texts, *columns = zip(*rows, strict=True) if rows else [()] * (width + 1)
    values = [numpy.array(column, dtype=numpy.float64) for column in columns]
    return GroupMoments.of_rows(pyarrow.array(texts, pyarrow.string()), values)


def by_text(moments):
    return {summary.group: summary for summary in moments.summaries()}


def test_statistics_of_groups_and_columns():
    moments = moments_of([("a", 1.0, -3.5), ("b", 4.0, None), ("a", 3.0, 3.0), (None, None, 3.25)])
    assert moments.rows.tolist() == [2, 1, 1]
    found = by_text(moments)
    assert list(found) == ["a", "b", None]
    one, other = found["a"].columns
    assert (one.count, one.mean, one.std, one.minimum, one.maximum) == (2, 2.0, 1.0, 1.0, 3.0)
    assert (one.outliers, other.outliers, found[None].columns[1].outliers) == (0, 1, 1)


def test_nothing_is_known_of_no_values():
    first, second = by_text(moments_of([("a", None, 2.0)]))["a"].columns
    assert (first.count, first.outliers) == (0, 0)
    assert (first.mean, first.std, first.minimum, first.maximum) == (None, None, None, None)
    assert (second.count, second.std) == (1, 0.0)


def test_a_group_that_only_one_part_has_is_kept():
    one, other = moments_of([("a", 1.0), ("b", 2.0)]), moments_of([("c", 5.0), ("a", 3.0)])
    found = by_text(one.merge(other))
    assert {text: summary.rows for text, summary in found.items()} == {"a": 2, "b": 1, "c": 1}
    assert found["a"].columns[0].mean == 2.0
    assert found["b"].columns[0].maximum == 2.0
    assert found["c"].columns[0].minimum == 5.0


def test_a_part_without_rows_changes_nothing():
    rows = [("a", 1.0), (None, 3.0)]
    for merged in (
        moments_of(rows).merge(moments_of([], 1)),
        moments_of([], 1).merge(moments_of(rows)),
    ):
        assert by_text(merged) == by_text(moments_of(rows))


@pytest.mark.parametrize("value", [0.1, -1e300, 5e-324, 123456789.123])
def test_a_constant_column_has_std_0_in_any_number_of_parts(value):
    parts = [moments_of([("a", value)] * rows) for rows in (1, 3, 1000, 77)]
    merged = reduce(GroupMoments.merge, parts)
    column = by_text(merged)["a"].columns[0]
    assert (column.count, column.mean, column.std) == (1081, value, 0.0)
    assert merged.varies() == [False]


def test_a_column_varies_when_two_groups_differ_though_each_is_constant():
    moments = moments_of([("a", 1.0, 2.0, None), ("b", 1.0, 3.0, None)])
    assert moments.varies() == [False, True, False]


def test_the_keys_of_a_column_that_is_no_text_become_text():
    key = pyarrow.chunked_array([[0.0, math.nan], [-0.0, None]], pyarrow.float64())
    moments = GroupMoments.of_rows(key, [numpy.array([1.0, 2.0, 3.0, 4.0])])
    found = by_text(moments)
    assert {text: summary.rows for text, summary in found.items()} == {"0.0": 2, "nan": 1, None: 1}


def test_too_many_groups_are_refused_in_one_part_and_in_two_together():
    one = moments_of([(str(i), 0.0) for i in range(MOST_GROUPS)])
    with pytest.raises(GroupingError):
        moments_of([(str(i), 0.0) for i in range(MOST_GROUPS + 1)])
    with pytest.raises(GroupingError):
        one.merge(moments_of([("one more", 0.0)]))
    assert len(one.merge(one).texts) == MOST_GROUPS


def assert_same_statistics(found, expected):
    for statistic in ("count", "minimum", "maximum", "outliers"):
        assert getattr(found, statistic) == getattr(expected, statistic)
    if expected.count:
        assert found.mean == pytest.approx(expected.mean, rel=1e-9, abs=1e-12)
        assert found.std == pytest.approx(expected.std, rel=1e-9, abs=0)
    else:
        assert (found.mean, found.std) == (None, None)


@settings(max_examples=150, deadline=None)
@given(rows=rows_of_two_columns, offset=st.sampled_from([0, 1e4, -1e4]), data=st.data())
def test_any_split_merged_in_any_order_gives_the_statistics_of_all_rows(rows, offset, data):
    rows = [
        (text, *(None if cell is None else offset + cell * STEP for cell in columns))
        for text, *columns in rows
    ]
    parts = [moments_of(rows[some], 2) for some in draw_slices(data, len(rows))]
    merged = merge_in_any_order(data, parts)
    whole = by_text(moments_of(rows))
    frame = pandas.DataFrame(rows, columns=["text", "x", "y"]).astype({"x": float, "y": float})
    assert len(merged.texts) == len(whole)
    for text, found in by_text(merged).items():
        assert found.rows == whole[text].rows
        of_group = frame[frame["text"].isna() if text is None else frame["text"] == text]
        for name, column, at_once in zip("xy", found.columns, whole[text].columns, strict=True):
            for expected in (at_once, column_summary(of_group[name])):
                assert_same_statistics(column, expected)


def test_large_values_keep_the_digits_of_their_deviation():
    """NIST StRD NumAcc4: mean 10000000.2, sample std 0.1."""
    values = [10_000_000.2, *([10_000_000.1, 10_000_000.3] * 500)]
    parts = [moments_of([("a", value) for value in part]) for part in numpy.array_split(values, 7)]
    merged = reduce(GroupMoments.merge, parts)
    assert merged.mean[0, 0] == pytest.approx(10_000_000.2, rel=1e-14)
    assert math.sqrt(merged.m2[0, 0] / 1000) == pytest.approx(0.1, rel=10**-8.2)
