"""The scaler on NumPy and, where there is a CUDA device, on CuPy.

Needs nothing but numpy, pytest, hypothesis and, for the GPU half, cupy:
`python -m pytest -m gpu tests/gpu_jobs`.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

import numpy
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gpu_jobs.scaling.block import Block
from gpu_jobs.scaling.device import choose_device, to_host
from gpu_jobs.scaling.scaler import StandardScaler
from gpu_jobs.scaling.tiles import TILE, TILE_ROWS

DEVICE = choose_device(use_gpu=True)
on_every_device = pytest.mark.parametrize(
    "xp",
    [
        pytest.param(numpy, id="numpy"),
        pytest.param(
            DEVICE.xp,
            id="cupy",
            marks=[pytest.mark.gpu, pytest.mark.skipif(DEVICE.xp is numpy, reason=DEVICE.reason)],
        ),
    ],
)


def fitted(xp, *blocks):
    scaler = StandardScaler(blocks[0].shape[1], xp)
    for block in blocks:
        scaler.partial_fit(block)
    return scaler


def column(*values):
    return numpy.array(values, dtype=float).reshape(-1, 1)


def correct_digits(found, certified):
    return 17.0 if found == certified else -math.log10(abs(found - certified) / abs(certified))


def alternating(first, low, high):
    return column(first, *([low, high] * 500))


@on_every_device
def test_what_is_learned_after_a_transform_counts_in_the_next_one(xp):
    first, second, third = (column(*range(start, start + 9)) for start in (0, 50, 700))
    scaler = fitted(xp, first)
    scaler.transform(first)
    scaler.partial_fit(second)
    assert (scaler.transform(first) == fitted(xp, first, second).transform(first)).all()
    scaler.merge(fitted(xp, third))
    expected = fitted(xp, first, second).merge(fitted(xp, third)).transform(first)
    assert (scaler.transform(first) == expected).all()


# NIST StRD, univariate summary statistics: data, certified mean and (sample) standard deviation,
# and the digits of the latter that the data allow: beyond, the nearest float64 to each value, and
# not the value, decides. https://www.itl.nist.gov/div898/strd/univ/homepage.html
STRD = {
    "NumAcc1": (column(10_000_001, 10_000_003, 10_000_002), 10_000_002, 1.0, 14),
    "NumAcc2": (alternating(1.2, 1.1, 1.3), 1.2, 0.1, 14),
    "NumAcc3": (alternating(1_000_000.2, 1_000_000.1, 1_000_000.3), 1_000_000.2, 0.1, 9.4),
    "NumAcc4": (alternating(10_000_000.2, 10_000_000.1, 10_000_000.3), 10_000_000.2, 0.1, 8.2),
    # Michelson's speed of light in air, in 1000 km/s: 299 and these thousandths.
    "Michelso": (
        column(
            *(
                299 + thousandths / 1000
                for thousandths in [
                    *[850, 740, 900, 1070, 930, 850, 950, 980, 980, 880],
                    *[1000, 980, 930, 650, 760, 810, 1000, 1000, 960, 960],
                    *[960, 940, 960, 940, 880, 800, 850, 880, 900, 840],
                    *[830, 790, 810, 880, 880, 830, 800, 790, 760, 800],
                    *[880, 880, 880, 860, 720, 720, 620, 860, 970, 950],
                    *[880, 910, 850, 870, 840, 840, 850, 840, 840, 840],
                    *[890, 810, 810, 820, 800, 770, 760, 740, 750, 760],
                    *[910, 920, 890, 860, 880, 720, 840, 850, 850, 780],
                    *[890, 840, 780, 810, 760, 810, 790, 810, 820, 850],
                    *[870, 870, 810, 740, 810, 940, 950, 800, 810, 870],
                ]
            )
        ),
        299.8524,
        0.0790105478190518,
        12,
    ),
    # Transmittance of a filter: 2 and these hundred-thousandths.
    "Mavro": (
        column(
            *(
                2 + hundred_thousandths / 100_000
                for hundred_thousandths in [
                    *[180, 170, 180, 190, 180, 170, 150, 140, 150, 150],
                    *[170, 180, 180, 190, 190, 210, 200, 160, 140, 130],
                    *[130, 150, 150, 160, 150, 140, 130, 140, 150, 140],
                    *[150, 160, 150, 160, 190, 200, 200, 210, 220, 230],
                    *[240, 250, 270, 260, 260, 260, 270, 260, 250, 240],
                ]
            )
        ),
        2.001856,
        0.000429123454003053,
        11.5,
    ),
}


def blocks_at(values, cuts):
    edges = [0, *sorted(cuts), len(values)]
    return [values[a:b] for a, b in pairwise(edges)]


@on_every_device
def test_moments_and_z_scores_of_a_small_block(xp):
    block = numpy.array([[1.0, 10.0], [2.0, 10.0], [6.0, 40.0]])
    scaler = fitted(xp, block)
    assert scaler.mean_.tolist() == [3.0, 20.0]
    assert scaler.var_ == pytest.approx([14 / 3, 200.0], rel=1e-15)
    assert [(m.minimum, m.maximum) for m in scaler.moments_] == [(1.0, 6.0), (10.0, 40.0)]
    expected = (block - block.mean(axis=0)) / block.std(axis=0)
    assert to_host(xp, scaler.transform(block)) == pytest.approx(expected, rel=1e-14)


@on_every_device
@pytest.mark.parametrize("offset", [1e9, 1e12, 2.0**53])
def test_far_from_zero_neither_merging_nor_rounding_costs_digits(xp, offset):
    random = numpy.random.default_rng(9)
    block = column(*(offset + random.normal(0.0, 1e3, 3 * TILE_ROWS + 77)))
    whole = block[:, 0].astype(numpy.longdouble)
    deviation = (whole - offset) - (whole - offset).mean()
    in_many = StandardScaler(1, xp)
    for part in numpy.array_split(block, 11):
        in_many.merge(fitted(xp, part))
    for scaler in (fitted(xp, block), in_many):
        assert scaler.mean_[0] == pytest.approx(float(whole.mean()), rel=2e-16)
        assert math.sqrt(scaler.var_[0]) == pytest.approx(float(whole.std()), rel=1e-14)
        z = to_host(xp, scaler.transform(block))[:, 0]
        numpy.testing.assert_allclose(z, deviation / scaler.scale_[0], rtol=1e-15, atol=1e-15)


@on_every_device
@pytest.mark.parametrize("rows", [TILE_ROWS, 1_000, 255])
def test_many_squares_of_the_same_size_cost_no_digits(xp, rows):
    block = numpy.full((rows, 2), 0.1)
    block[7] = [-5.0, 9.0]
    exact = numpy.asarray(block, numpy.longdouble).std(axis=0).astype(float)
    assert numpy.sqrt(fitted(xp, block).var_) == pytest.approx(exact, rel=4e-15)


@on_every_device
def test_nan_stays_nan_and_infinities_become_nan_and_are_counted_apart(xp):
    block = column(1.0, math.nan, math.inf, 3.0, -math.inf, math.nan)
    scaler = fitted(xp, block)
    assert scaler.n_samples_seen_.tolist() == [2]
    assert (scaler.nulls_.tolist(), scaler.non_finite_.tolist()) == ([2], [2])
    z = to_host(xp, scaler.transform(block))[:, 0]
    assert z[[0, 3]].tolist() == [-1.0, 1.0]
    assert numpy.isnan(z[[1, 2, 4, 5]]).all()


@on_every_device
@pytest.mark.parametrize("value", [0.1, -1e300, 5e-324, 123456789.123])
def test_a_constant_column_has_std_0_and_z_0_in_any_number_of_blocks(xp, value):
    blocks = [numpy.full((rows, 1), value) for rows in (1, 3, 1000, 77)]
    scaler = fitted(xp, *blocks)
    assert scaler.moments_[0].mean == value
    assert scaler.moments_[0].std == 0.0
    assert not to_host(xp, scaler.transform(blocks[2])).any()


@on_every_device
def test_a_column_without_values_has_no_statistics(xp):
    block = column(math.nan, math.nan)
    scaler = fitted(xp, block)
    assert scaler.moments_[0].std is None
    assert scaler.moments_[0].minimum is None
    assert numpy.isnan(to_host(xp, scaler.transform(block))).all()


@on_every_device
def test_float32_and_integer_blocks_are_measured_as_float64(xp):
    values = numpy.arange(16_777_216, 16_777_216 + 101)
    for dtype in (numpy.int64, numpy.int32):
        scaler = fitted(xp, values.astype(dtype).reshape(-1, 1))
        assert scaler.mean_[0] == 16_777_266.0
    small = numpy.array([[0.1], [0.2]], dtype=numpy.float32)
    assert fitted(xp, small).mean_[0] == small.astype(float).mean()


@on_every_device
@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param(numpy.array([2**53, 2**53 + 1, 2**53 + 3]), 2**53, id="beyond 2^53"),
        pytest.param(numpy.array([Decimal("0.1"), Decimal("1e-400")]), 0.0, id="decimals"),
        pytest.param(numpy.array([0.1, 0.2], dtype=numpy.float16), 0.0999755859375, id="float16"),
        pytest.param(
            numpy.array([0.1, 0.2], dtype=numpy.float32), float(numpy.float32(0.1)), id="float32"
        ),
        pytest.param(numpy.array([True, False]), 0.0, id="booleans"),
        pytest.param(numpy.array([5e-324, 1e-323, 1e-310]), 5e-324, id="denormals"),
    ],
)
def test_every_kind_of_number_becomes_the_nearest_float64(xp, values, expected):
    moments = fitted(xp, values.reshape(-1, 1)).moments_[0]
    nearest = [float(value) for value in values]
    assert (moments.minimum, moments.maximum) == (min(nearest), max(nearest))
    assert moments.minimum == expected
    exact = sum(map(Fraction, nearest), Fraction(0)) / len(nearest)
    assert moments.mean == pytest.approx(float(exact), rel=3e-16, abs=5e-324)


@on_every_device
def test_denormals_alone_have_their_deviations_for_z_scores(xp):
    block = column(1e-310, 3e-310, math.nan)
    scaler = fitted(xp, block)
    assert scaler.scale_.tolist() == [1.0]
    z = to_host(xp, scaler.transform(block))[:2, 0]
    assert z == pytest.approx([-1e-310, 1e-310], rel=1e-10, abs=0)


@on_every_device
def test_only_values_too_close_to_square_are_told_to_be(xp):
    block = numpy.array([[0.0, 0.0, 0.0, 3.0], [1e-170, 1e-156, 1e-150, 3.0], [math.nan] * 4])
    assert fitted(xp, block).too_close_.tolist() == [True, True, False, False]
    assert not StandardScaler(1, xp).too_close_.any()


@on_every_device
def test_z_scores_of_float32_are_those_of_float64_rounded_last(xp):
    block = numpy.random.default_rng(8).normal(1e6, 1.0, (3_000, 2))
    block[::5, 0], block[1::5, 1] = math.nan, -math.inf
    scaler = fitted(xp, block)
    narrow = to_host(xp, scaler.transform(block, "float32"))
    assert narrow.dtype == numpy.float32
    wide = to_host(xp, scaler.transform(block))
    numpy.testing.assert_array_equal(narrow, wide.astype(numpy.float32))


@on_every_device
@pytest.mark.parametrize("rows", [TILE - 1, TILE, TILE + 1, 3 * TILE + 5])
def test_blocks_of_many_tiles_with_values_in_some_have_the_moments_of_the_whole(xp, rows):
    random = numpy.random.default_rng(rows)
    block = numpy.asfortranarray(random.normal(5.0, 2.0, (rows, 3)))
    block[: TILE + 7, 0] = math.nan
    block[random.random(rows) < 0.01, 1] = math.nan
    block[-1, 1] = math.inf
    scaler = fitted(xp, block)
    for index, moments in enumerate(scaler.moments_):
        values = block[:, index]
        finite = values[numpy.isfinite(values)].astype(numpy.longdouble)
        assert scaler.nulls_[index] == numpy.isnan(values).sum()
        assert scaler.non_finite_[index] == numpy.isinf(values).sum()
        assert moments.count == len(finite)
        if len(finite):
            assert moments.mean == pytest.approx(float(finite.mean()), rel=1e-15)
            assert moments.std == pytest.approx(float(finite.std()), rel=1e-14)
            assert (moments.minimum, moments.maximum) == (finite.min(), finite.max())


@on_every_device
@pytest.mark.parametrize("seed", range(5))
def test_the_mean_of_a_tile_is_correct_to_the_last_bit(xp, seed):
    values = numpy.random.default_rng(seed).normal(1e6, 1.0, (TILE // 4, 1))
    exact = math.fsum(values[:, 0]) / len(values)
    assert fitted(xp, values).moments_[0].mean == exact


@on_every_device
def test_a_block_may_lie_row_by_row(xp):
    block = numpy.random.default_rng(4).normal(size=(500, 3))
    by_rows, by_columns = fitted(xp, block), fitted(xp, numpy.asfortranarray(block))
    assert by_rows.moments_ == by_columns.moments_
    z = to_host(xp, by_rows.transform(block))
    numpy.testing.assert_array_equal(z, to_host(xp, by_columns.transform(block)))
    assert z.flags.f_contiguous


@on_every_device
def test_the_block_itself_is_left_as_it_was(xp):
    block = numpy.asfortranarray([[1.0, math.inf], [2.0, 3.0]])
    before = block.copy()
    fitted(xp, block).transform(block)
    numpy.testing.assert_array_equal(block, before)


@on_every_device
@pytest.mark.parametrize("left_there", [0.0, math.nan, math.inf, 1e300])
def test_what_stands_where_a_block_has_a_null_does_not_matter(xp, left_there):
    array = numpy.random.default_rng(9).normal(5.0, 2.0, (9_000, 3))
    gaps = [numpy.arange(0, 9_000, 7), numpy.arange(9_000), numpy.array([], dtype=int)]
    values = array.copy()
    for index, positions in enumerate(gaps):
        array[positions, index], values[positions, index] = math.nan, left_there
    ours = StandardScaler(3, xp).partial_fit(Block(list(values.T), gaps))
    theirs = fitted(xp, array)
    assert ours.moments_ == theirs.moments_
    assert ours.nulls_.tolist() == theirs.nulls_.tolist() == [1286, 9000, 0]
    assert ours.complete_
    assert not theirs.complete_
    for complete in (False, True):
        z = to_host(xp, ours.transform(Block(list(values.T), gaps), complete=complete))
        numpy.testing.assert_array_equal(z, to_host(xp, theirs.transform(array)))


@on_every_device
def test_nan_and_infinity_are_found_beside_the_nulls_that_a_block_tells(xp):
    first = numpy.array([1.0, 9.0, math.nan, 3.0, math.inf])
    second = numpy.array([math.inf, 3.0, math.nan, math.nan, 3.0])
    block = Block([first, second], [numpy.array([1]), numpy.array([0, 2, 3])])
    scaler = StandardScaler(2, xp).partial_fit(block)
    assert scaler.nulls_.tolist() == [2, 3]
    assert scaler.non_finite_.tolist() == [1, 0]
    assert not scaler.complete_
    assert not StandardScaler(2, xp).merge(scaler).complete_
    z = to_host(xp, scaler.transform(block))
    numpy.testing.assert_array_equal(z[:, 0], [-1.0, math.nan, math.nan, 1.0, math.nan])
    numpy.testing.assert_array_equal(z[:, 1], [math.nan, 0.0, math.nan, math.nan, 0.0])


@on_every_device
def test_the_largest_score_of_a_column_whatever_its_sign(xp):
    above = math.nextafter(1e150, math.inf)
    block = numpy.array([[1.0, 1e150, 1.5e308, math.nan], [1.0, above, -1.5e308, math.nan]] * 2)
    block[0, 0] = -7.0
    largest = fitted(xp, block).largest_
    assert largest[0] == pytest.approx(6 / math.sqrt(12), rel=1e-15)
    assert 0 < largest[1] <= above - 1e150
    assert largest[2:].tolist() == [math.inf, 0.0]


@pytest.mark.parametrize("rows", [3 * TILE_ROWS + 5, 700])
def test_nulls_that_a_block_tells_keep_their_places_in_all_tiles(rows):
    random = numpy.random.default_rng(rows)
    array = random.normal(1.0, 4.0, (rows, 5))
    gaps = [numpy.flatnonzero(random.random(rows) < share) for share in (0, 0.01, 0.5, 0.99, 1)]
    block = Block(list(array.T.copy()), gaps)
    for index, positions in enumerate(gaps):
        array[positions, index] = math.nan
    ours, theirs = StandardScaler(5).partial_fit(block), fitted(numpy, array)
    assert ours.moments_ == theirs.moments_
    assert ours.nulls_.tolist() == theirs.nulls_.tolist() == [len(gap) for gap in gaps]
    z = ours.transform(block, complete=True)
    numpy.testing.assert_array_equal(z, theirs.transform(array))


@on_every_device
def test_workers_fit_and_transform_at_once_what_one_alone_does(xp):
    random = numpy.random.default_rng(6)
    blocks = [numpy.asfortranarray(random.normal(size=(70_000, 3))) for _ in range(8)]

    def fit_and_transform(workers):
        with ThreadPoolExecutor(workers) as pool:
            whole = StandardScaler(3, xp)
            for part in pool.map(lambda block: fitted(xp, block), blocks):
                whole.merge(part)
            return whole, list(pool.map(whole.transform, blocks))

    alone, together = fit_and_transform(1), fit_and_transform(8)
    assert alone[0].moments_ == together[0].moments_
    for one, other in zip(alone[1], together[1], strict=True):
        numpy.testing.assert_array_equal(one, other)


@on_every_device
def test_an_empty_block_changes_nothing(xp):
    scaler = fitted(xp, column(1.0, 2.0), numpy.empty((0, 1)))
    assert scaler.n_samples_seen_.tolist() == [2]
    assert scaler.transform(numpy.empty((0, 1))).shape == (0, 1)


@on_every_device
@pytest.mark.parametrize("name", STRD)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_the_sets_of_nist_in_any_chunking_and_any_order_of_merging(xp, name, data):
    values, mean, std, digits = STRD[name]
    cuts = data.draw(st.lists(st.integers(0, len(values)), max_size=30))
    scalers = [fitted(xp, block) for block in blocks_at(values, cuts)]
    while len(scalers) > 1:
        other = scalers.pop(data.draw(st.integers(0, len(scalers) - 1)))
        scalers[data.draw(st.integers(0, len(scalers) - 1))].merge(other)
    moments = scalers[0].moments_[0]
    assert moments.count == len(values)
    assert correct_digits(moments.mean, mean) >= 14
    assert correct_digits(math.sqrt(moments.m2 / (moments.count - 1)), std) >= digits


@on_every_device
@pytest.mark.parametrize("name", STRD)
def test_the_sets_of_nist_row_by_row(xp, name):
    values, mean, std, digits = STRD[name]
    moments = fitted(xp, *(row.reshape(1, 1) for row in values)).moments_[0]
    assert correct_digits(moments.mean, mean) >= 14
    assert correct_digits(math.sqrt(moments.m2 / (moments.count - 1)), std) >= digits - 1


@on_every_device
@settings(max_examples=60, deadline=None)
@given(
    values=st.lists(
        st.floats(-1e6, 1e6) | st.sampled_from([math.nan, math.inf, -math.inf]),
        min_size=1,
        max_size=60,
    ),
    cuts=st.lists(st.integers(0, 60), max_size=5),
)
def test_chunks_learn_what_the_whole_learns(xp, values, cuts):
    block = column(*values)
    whole = fitted(xp, block)
    parts = fitted(xp, *blocks_at(block, [min(cut, len(block)) for cut in cuts]))
    ours, theirs = parts.moments_[0], whole.moments_[0]
    assert parts.nulls_.tolist() == whole.nulls_.tolist()
    assert parts.non_finite_.tolist() == whole.non_finite_.tolist()
    assert (ours.count, ours.minimum, ours.maximum) == (
        theirs.count,
        theirs.minimum,
        theirs.maximum,
    )
    finite = block[numpy.isfinite(block)]
    spread = float(numpy.abs(finite).max(initial=0.0))
    assert ours.mean == pytest.approx(theirs.mean, rel=1e-12, abs=1e-12 * spread)
    assert ours.m2 == pytest.approx(theirs.m2, rel=1e-9, abs=1e-9 * spread * spread)


@on_every_device
def test_rounding_errors_of_a_constant_are_not_scaled_up(xp):
    preprocessing = pytest.importorskip("sklearn.preprocessing")
    block = column(0.1 + 0.2, 0.3, 0.3, 0.1 + 0.2)
    scaler = fitted(xp, block)
    assert scaler.scale_.tolist() == [1.0]
    assert 0 < scaler.moments_[0].std < 1e-16
    z = to_host(xp, scaler.transform(block))
    expected = preprocessing.StandardScaler().fit_transform(block)
    numpy.testing.assert_allclose(z, expected, rtol=0, atol=1e-16)


@on_every_device
def test_rounding_errors_of_a_constant_are_not_scaled_up_in_any_number_of_blocks(xp):
    block = numpy.tile(column(0.1 + 0.2, 0.3, 0.3), (1000, 1))
    scaler = fitted(xp, *blocks_at(block, [1, 2, 10, 500, 501, 2998]))
    assert scaler.scale_.tolist() == [1.0]


@on_every_device
@settings(max_examples=200, deadline=None)
@given(
    base=st.floats(1e-3, 1e12) | st.floats(-1e12, -1e-3),
    steps=st.lists(st.integers(-4, 4), min_size=1, max_size=60),
    exponent=st.integers(0, 12),
)
def test_what_is_constant_but_for_rounding_is_so_exactly_where_scikit_learn_says_so(
    xp, base, steps, exponent
):
    preprocessing = pytest.importorskip("sklearn.preprocessing")
    block = base * (1 + numpy.finfo(float).eps * 2**exponent * column(*steps))
    theirs = preprocessing.StandardScaler().fit(block)
    bound = len(block) * abs(theirs.mean_[0]) * numpy.finfo(float).eps
    # On the bound itself a last digit of the variance decides.
    assume(not 0.9 < math.sqrt(theirs.var_[0]) / bound < 1.1)
    assert fitted(xp, block).scale_ == pytest.approx(theirs.scale_, rel=1e-6)


@on_every_device
def test_z_scores_equal_scikit_learns_on_data_with_nulls(xp):
    preprocessing = pytest.importorskip("sklearn.preprocessing")
    random = numpy.random.default_rng(3)
    block = random.normal(size=(5_000, 4)) * [1.0, 1e-6, 1e6, 3.0] + [0.0, 5e-6, -7e5, 1e2]
    block[random.random(block.shape) < 0.05] = math.nan
    theirs = preprocessing.StandardScaler().fit(block)
    ours = fitted(xp, *numpy.array_split(block, 7))
    spread = theirs.scale_ + numpy.abs(theirs.mean_)
    assert (numpy.abs(ours.mean_ - theirs.mean_) <= 1e-12 * spread).all()
    assert ours.scale_ == pytest.approx(theirs.scale_, rel=1e-12)
    z = to_host(xp, ours.transform(block))
    numpy.testing.assert_allclose(z, theirs.transform(block), rtol=1e-12, atol=1e-12)
