"""The scaler on NumPy and, where there is a CUDA device, on CuPy.

Needs nothing but numpy, pytest, hypothesis and, for the GPU half, cupy:
`python -m pytest -m gpu tests/gpu_jobs`.
"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gpu_jobs.device import choose_device, to_host
from gpu_jobs.scaler import StandardScaler

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


def nist(base):
    """NIST StRD NumAcc3 (base 1000000) and NumAcc4 (base 10000000): mean base + .2, std .1."""
    return column(base + 0.2, *([base + 0.1, base + 0.3] * 500))


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
def test_an_empty_block_changes_nothing(xp):
    scaler = fitted(xp, column(1.0, 2.0), numpy.empty((0, 1)))
    assert scaler.n_samples_seen_.tolist() == [2]


@on_every_device
@pytest.mark.parametrize(("base", "digits"), [(1_000_000, 9.4), (10_000_000, 8.2)])
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_nist_numacc_3_and_4_in_any_chunking_and_any_order_of_merging(xp, base, digits, data):
    values = nist(base)
    cuts = data.draw(st.lists(st.integers(0, len(values)), max_size=30))
    scalers = [fitted(xp, block) for block in blocks_at(values, cuts)]
    while len(scalers) > 1:
        other = scalers.pop(data.draw(st.integers(0, len(scalers) - 1)))
        scalers[data.draw(st.integers(0, len(scalers) - 1))].merge(other)
    moments = scalers[0].moments_[0]
    assert moments.count == 1001
    assert correct_digits(moments.mean, base + 0.2) >= 14
    assert correct_digits(math.sqrt(moments.m2 / 1000), 0.1) >= digits


@on_every_device
def test_nist_numacc_4_row_by_row(xp):
    rows = nist(10_000_000)
    moments = fitted(xp, *(row.reshape(1, 1) for row in rows)).moments_[0]
    assert correct_digits(moments.mean, 10_000_000.2) >= 14
    assert correct_digits(math.sqrt(moments.m2 / 1000), 0.1) >= 8.2


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
    assert ours.mean_ == pytest.approx(theirs.mean_, rel=1e-12)
    assert ours.scale_ == pytest.approx(theirs.scale_, rel=1e-11)
    z = to_host(xp, ours.transform(block))
    numpy.testing.assert_allclose(z, theirs.transform(block), rtol=1e-9, atol=1e-9)
