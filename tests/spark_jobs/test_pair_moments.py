from __future__ import annotations

import math
from fractions import Fraction
from functools import reduce

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spark_jobs import pair_moments
from spark_jobs.pair_moments import PairMoments
from tests.spark_jobs.merging import draw_slices, merge_in_any_order

STEP = 1 / 16
"""Values are whole multiples of it, so that they are exact beside a large mean."""

cells = st.just(math.nan) | st.integers(-80, 80)
rows_of_three_columns = st.lists(st.tuples(cells, cells, cells), min_size=1, max_size=60)


def moments_of(columns):
    return PairMoments.of_values([numpy.array(column, dtype=float) for column in columns])


def exact(x, y):
    """(count, mean of x, its m2, the y one's, product), in exact arithmetic, of what both have."""
    both = ~(numpy.isnan(x) | numpy.isnan(y))
    xs, ys = ([Fraction(float(value)) for value in column[both]] for column in (x, y))
    count = len(xs)
    if not count:
        return 0, 0.0, 0.0, 0.0, 0.0
    mean_x, mean_y = sum(xs) / count, sum(ys) / count
    m2_x, m2_y = sum((a - mean_x) ** 2 for a in xs), sum((b - mean_y) ** 2 for b in ys)
    product = sum((a - mean_x) * (b - mean_y) for a, b in zip(xs, ys, strict=True))
    return count, float(mean_x), float(m2_x), float(m2_y), float(product)


def assert_equals_exact_arithmetic(moments, columns, rel=1e-9):
    for i, x in enumerate(columns):
        for j, y in enumerate(columns):
            count, mean, m2, other_m2, product = exact(x, y)
            assert moments.count[i, j] == count
            assert moments.mean[i, j] == pytest.approx(mean, rel=rel, abs=1e-12)
            assert moments.m2[i, j] == pytest.approx(m2, rel=rel, abs=0)
            deviation = math.sqrt(m2) * math.sqrt(other_m2)
            assert moments.product[i, j] == pytest.approx(product, rel=rel, abs=rel * deviation)
            r = moments.correlation(i, j)
            assert r == (pytest.approx(product / deviation, abs=rel) if deviation else None)


def test_a_pair_is_measured_where_both_are_present():
    nan = math.nan
    moments = moments_of([[1.0, 2.0, nan, 3.0, 9.0], [2.0, 4.0, 7.0, 9.0, nan]])
    assert moments.count.tolist() == [[4, 3], [3, 4]]
    assert moments.mean[0, 1] == pytest.approx(2.0)
    assert moments.mean[1, 0] == pytest.approx(5.0)
    assert moments.m2[0, 1] == pytest.approx(2.0)
    assert moments.m2[1, 0] == pytest.approx(26.0)
    assert moments.product[0, 1] == moments.product[1, 0] == pytest.approx(7.0)
    assert moments.correlation(0, 1) == pytest.approx(7.0 / math.sqrt(52.0))


@pytest.mark.parametrize("value", [0.1, -1e150, 123456789.123])
def test_a_column_correlates_with_nothing_where_it_is_constant(value):
    nan = math.nan
    constant_beside_the_other = [value, value, value, 7.0, -7.0]
    part = moments_of([constant_beside_the_other, [1.0, 2.0, 4.0, nan, nan]])
    for moments in (part, part.merge(part), reduce(PairMoments.merge, [part] * 7)):
        assert moments.correlation(0, 1) is None
        assert moments.correlation(1, 0) is None
        assert moments.mean[0, 1] == value


@pytest.mark.parametrize("value", [0.1, -1e150, 123456789.123])
def test_a_constant_column_does_not_deviate_by_a_rounding(value):
    parts = [moments_of([[value] * rows, list(range(rows))]) for rows in (3, 1, 10, 77)]
    for moments in (*parts, reduce(PairMoments.merge, parts)):
        assert moments.mean[0].tolist() == [value, value]
        assert moments.m2[0].tolist() == [0.0, 0.0]


def test_columns_that_are_never_both_present_do_not_correlate():
    nan = math.nan
    moments = moments_of([[1.0, 2.0, nan, nan], [nan, nan, 1.0, 2.0], [nan] * 4])
    for merged in (moments, moments.merge(moments)):
        assert [merged.correlation(0, 1), merged.correlation(0, 2)] == [None, None]
        assert merged.correlation(0, 0) == pytest.approx(1.0)


def test_a_single_row_has_no_correlation_and_two_have_a_perfect_one():
    one, other = moments_of([[1.5], [0.1]]), moments_of([[2.5], [-0.2]])
    assert one.correlation(0, 1) is None
    assert one.merge(other).correlation(0, 1) == pytest.approx(-1.0)


def test_a_part_without_rows_changes_nothing():
    columns = numpy.array([[1.0, 2.0, 4.0], [3.0, math.nan, -1.0]])
    empty = moments_of(numpy.empty((2, 0)))
    for merged in (moments_of(columns).merge(empty), empty.merge(moments_of(columns))):
        assert_equals_exact_arithmetic(merged, columns)


@settings(max_examples=150, deadline=None)
@given(
    rows=rows_of_three_columns,
    offsets=st.tuples(*[st.sampled_from([0, 1e4, -1e4])] * 3),
    data=st.data(),
)
def test_any_split_merged_in_any_order_gives_the_moments_of_all_rows(rows, offsets, data):
    columns = numpy.array(rows, dtype=float).T * STEP + numpy.array(offsets)[:, None]
    whole = moments_of(columns)
    parts = [moments_of(columns[:, some]) for some in draw_slices(data, len(rows))]
    merged = merge_in_any_order(data, parts)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pair_moments, "TILE_ROWS", data.draw(st.integers(1, 20), "tile"))
        in_tiles = moments_of(columns)
    for moments in (whole, merged, in_tiles):
        assert_equals_exact_arithmetic(moments, columns)


def test_all_tiles_count_also_one_that_begins_far_out():
    random = numpy.random.default_rng(7)
    columns = random.normal(size=(3, 2 * pair_moments.TILE_ROWS + 5))
    columns[0, [0, pair_moments.TILE_ROWS]] = 1e4
    columns[:, random.integers(0, columns.shape[1], 900)] = math.nan
    columns[1, ::50] = math.nan
    assert_equals_exact_arithmetic(moments_of(columns), columns)


def test_pairs_that_are_hardly_ever_both_present_keep_their_digits():
    random = numpy.random.default_rng(8)
    columns = random.normal(size=(12, 3_000))
    columns[random.random(columns.shape) < 0.98] = math.nan
    assert_equals_exact_arithmetic(moments_of(columns), columns)


@pytest.mark.parametrize("distance", [1e2, 1e4, 1e6])
def test_a_few_rows_far_from_a_columns_mean_keep_their_digits(distance):
    """x is near 0 but for five rows far out and close together, the only ones that y has."""
    random = numpy.random.default_rng(5)
    x = random.normal(size=1_000)
    x[:5] = distance + random.normal(size=5)
    y = numpy.full(1_000, math.nan)
    y[:5] = random.normal(size=5)
    columns = numpy.stack([x, y])
    assert_equals_exact_arithmetic(moments_of(columns), columns)
    halves = moments_of(columns[:, :500]).merge(moments_of(columns[:, 500:]))
    assert_equals_exact_arithmetic(halves, columns)


@pytest.mark.parametrize("seed", range(10))
def test_a_flag_keeps_its_digits_beside_a_column_that_is_nearly_empty(seed):
    """What the few rows with both add is not what is left of the flag's sums over all rows."""
    random = numpy.random.default_rng(seed)
    flag = (random.random(pair_moments.TILE_ROWS) < 0.3).astype(float)
    flag = (flag - flag.mean()) / flag.std()
    reading = random.normal(size=len(flag))
    reading[random.random(len(flag)) < 0.98] = math.nan
    both = ~numpy.isnan(reading)
    of_both = [column[both].astype(numpy.longdouble) for column in (flag, reading)]
    x, y = (column - column.mean() for column in of_both)
    expected = float((x @ y) / numpy.sqrt((x @ x) * (y @ y)))
    assert moments_of([flag, reading]).correlation(0, 1) == pytest.approx(expected, abs=1e-13)


def test_columns_that_hardly_differ_correlate_to_nine_digits():
    random = numpy.random.default_rng(6)
    x = random.normal(size=500)
    columns = numpy.stack([x, x + 1e-5 * random.normal(size=500)])
    parts = [moments_of(part) for part in numpy.array_split(columns, 3, axis=1)]
    assert_equals_exact_arithmetic(reduce(PairMoments.merge, parts), columns)
