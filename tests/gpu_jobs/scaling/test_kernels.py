"""The CUDA kernels, run on the CPU, and their way over the bus to a CuPy that is none.

`test_scaler.py` runs the same on a real device.
"""

from __future__ import annotations

import ctypes
import math
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from importlib.resources import files
from threading import Barrier

import numpy
import pytest

from gpu_jobs.scaling import kernels, lanes
from gpu_jobs.scaling.block import Block
from gpu_jobs.scaling.scaler import StandardScaler
from tests.gpu_jobs.scaling.simulated_cuda import DeviceArray


def exact(values):
    """Mean and M2 of the finite ones, rounded once."""
    numbers = [Fraction(x) for x in values.tolist() if math.isfinite(x)]
    mean = sum(numbers, Fraction(0)) / len(numbers)
    return float(mean), float(sum((x - mean) ** 2 for x in numbers))


def random_block(rows, columns=1, seed=5):
    random = numpy.random.default_rng(seed)
    return numpy.asfortranarray(random.normal(1e3, 3.0, (rows, columns)))


def measured(cupy, block):
    return StandardScaler(block.shape[1], cupy).partial_fit(block)


@pytest.mark.parametrize("architecture", [75, 80, 86, 89, 90])
def test_the_images_compiler_takes_the_kernels_for_every_card(architecture):
    """T4, A100, A10G, L4 and H100: NVRTC is what CuPy compiles with, when a job begins."""
    nvrtc = ctypes.CDLL(files("nvidia.cuda_nvrtc") / "lib" / "libnvrtc.so.12")
    program, size = ctypes.c_void_p(), ctypes.c_size_t()
    source = kernels.SOURCE.encode()
    nvrtc.nvrtcCreateProgram(ctypes.byref(program), source, b"kernels.cu", 0, None, None)
    # CuPy adds the last two.
    options = [*kernels.OPTIONS, f"--gpu-architecture=compute_{architecture}"]
    options += ["-ftz=true", "--device-as-default-execution-space"]
    given = (ctypes.c_char_p * len(options))(*(option.encode() for option in options))
    failed = nvrtc.nvrtcCompileProgram(program, len(options), given)
    nvrtc.nvrtcGetProgramLogSize(program, ctypes.byref(size))
    log = ctypes.create_string_buffer(size.value)
    nvrtc.nvrtcGetProgramLog(program, log)
    nvrtc.nvrtcDestroyProgram(ctypes.byref(program))
    assert (failed, log.value.decode()) == (0, "")


@pytest.mark.parametrize("rows", [1, 31, kernels.RUN - 1, kernels.RUN, 2 * kernels.RUN + 77])
def test_the_moments_of_a_column_are_exact_to_the_last_digits(cupy, rows):
    block = random_block(rows)
    moments = measured(cupy, block).moments_[0]
    mean, m2 = exact(block[:, 0])
    assert moments.count == rows
    assert moments.mean == pytest.approx(mean, rel=3e-16)
    assert moments.m2 == pytest.approx(m2, rel=1e-13)
    assert (moments.minimum, moments.maximum) == (block.min(), block.max())


def test_many_columns_with_nulls_infinities_and_nothing_are_told_apart(cupy):
    block = random_block(3_000, 5)
    block[::7, 0] = math.nan
    block[1::9, 0] = math.inf
    block[2::9, 1] = -math.inf
    block[:, 2] = math.nan
    block[:, 3] = -5e-324
    ours, theirs = measured(cupy, block), StandardScaler(5).partial_fit(block)
    assert ours.nulls_.tolist() == theirs.nulls_.tolist()
    assert ours.non_finite_.tolist() == theirs.non_finite_.tolist()
    assert ours.moments_[2] == theirs.moments_[2]
    assert ours.moments_[3] == theirs.moments_[3]
    for index in (0, 1, 4):
        ours_of, theirs_of = ours.moments_[index], theirs.moments_[index]
        assert (ours_of.minimum, ours_of.maximum) == (theirs_of.minimum, theirs_of.maximum)
        assert ours_of.mean == pytest.approx(theirs_of.mean, rel=3e-16)
        assert ours_of.m2 == pytest.approx(theirs_of.m2, rel=1e-13)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("at", [0, kernels.THREADS * kernels.HELD * 3 + 77, kernels.RUN - 1])
def test_one_value_that_is_none_counts_wherever_in_a_run_it_stands(cupy, value, at):
    block = random_block(2 * kernels.RUN)
    block[at] = value
    scaler = measured(cupy, block)
    moments = scaler.moments_[0]
    rest = numpy.delete(block[:, 0], at)
    mean, m2 = exact(rest)
    assert moments.count == len(rest)
    assert [scaler.nulls_[0], scaler.non_finite_[0]] == [math.isnan(value), math.isinf(value)]
    assert moments.mean == pytest.approx(mean, rel=3e-16)
    assert moments.m2 == pytest.approx(m2, rel=1e-13)
    assert (moments.minimum, moments.maximum) == (rest.min(), rest.max())


def test_a_shift_from_one_outlier_among_nulls_costs_five_digits_at_most(cupy):
    block = random_block(kernels.RUN)
    block[: kernels.THREADS * kernels.HELD] = math.nan
    block[:: kernels.THREADS, 0][:1] = 1e15
    moments = measured(cupy, block).moments_[0]
    mean, m2 = exact(block[:, 0])
    assert moments.mean == pytest.approx(mean, rel=1e-12)
    assert moments.m2 == pytest.approx(m2, rel=1e-11)


@pytest.mark.parametrize("offset", [1e9, 1e12, 2.0**53])
def test_far_from_zero_neither_merging_nor_rounding_costs_digits(cupy, offset):
    random = numpy.random.default_rng(9)
    block = offset + random.normal(0.0, 1e3, (5 * kernels.RUN + 77, 1))
    mean, m2 = exact(block[:, 0])
    in_many = StandardScaler(1, cupy)
    for part in numpy.array_split(block, 7):
        in_many.merge(measured(cupy, part))
    whole = block[:, 0].astype(numpy.longdouble) - offset
    for scaler in (measured(cupy, block), in_many):
        moments = scaler.moments_[0]
        assert moments.mean == pytest.approx(mean, rel=2e-16)
        assert moments.m2 == pytest.approx(m2, rel=1e-13)
        z = scaler.transform(block)[:, 0]
        expected = (whole - whole.mean()) / scaler.scale_[0]
        numpy.testing.assert_allclose(z, expected, rtol=1e-14, atol=1e-15)


def test_numbers_on_both_sides_of_zero_are_put_in_order(cupy):
    block = numpy.array([[-2.0, -5.0], [3.0, -1e-320], [-7.5, -0.5]])
    moments = measured(cupy, block).moments_
    assert [(m.minimum, m.maximum) for m in moments] == [(-7.5, 3.0), (-5.0, -1e-320)]


def test_nist_numacc_4_in_one_piece_and_in_many(cupy):
    values = numpy.array([10_000_000.2, *([10_000_000.1, 10_000_000.3] * 500)]).reshape(-1, 1)
    in_many = StandardScaler(1, cupy)
    for top in range(0, len(values), 91):
        in_many.merge(measured(cupy, values[top : top + 91]))
    for scaler in (measured(cupy, values), in_many):
        moments = scaler.moments_[0]
        assert moments.mean == pytest.approx(10_000_000.2, rel=1e-14)
        assert math.sqrt(moments.m2 / 1000) == pytest.approx(0.1, rel=10**-8.2)


@pytest.mark.parametrize("dtype", [object, bool, numpy.int64, numpy.float16])
def test_a_block_of_any_numbers_is_copied_as_float64(cupy, dtype):
    block = numpy.array([[0], [1], [1]], dtype=dtype)
    scaler = measured(cupy, block)
    assert scaler.moments_[0].mean == pytest.approx(2 / 3, rel=1e-15)
    assert scaler.transform(block).dtype == numpy.float64


def test_values_beyond_any_square_have_no_finite_m2_but_a_constant_has(cupy):
    block = numpy.tile([[1.5e308, -1.5e308], [1.5e308, 1.5e308]], (600, 1))
    constant, wide = measured(cupy, block).moments_
    assert (constant.mean, constant.m2) == (1.5e308, 0.0)
    assert not math.isfinite(wide.m2)


def test_the_device_standardizes_as_numpy_does(cupy):
    block = random_block(5_000, 3)
    block[::7, 0], block[1::7, 0], block[2::7, 1] = math.nan, math.inf, -math.inf
    block[:, 2] = 0.1
    ours, theirs = measured(cupy, block), StandardScaler(3).partial_fit(block)
    ours.moments_ = theirs.moments_
    z = ours.transform(block)
    assert type(z) is numpy.ndarray
    numpy.testing.assert_allclose(z, theirs.transform(block), rtol=3e-16, atol=0)
    assert not z[:, 2].any()
    narrow = ours.transform(block, numpy.float32)
    assert narrow.dtype == numpy.float32
    numpy.testing.assert_array_equal(narrow, z.astype(numpy.float32))


def test_what_is_beyond_float32_becomes_nan_on_either_device(cupy):
    block = numpy.array([[1.0], [3.0]])
    for scaler in (measured(cupy, block), StandardScaler(1).partial_fit(block)):
        assert numpy.isnan(scaler.transform(numpy.array([[1e300]]), numpy.float32)).all()
        assert scaler.transform(numpy.array([[1e300]])).tolist() == [[1e300]]


@pytest.mark.parametrize(
    ("rows", "columns", "chunk"), [(700, 2, 1_000), (2_500, 2, 1_000), (400, 3, 1_000), (1, 3, 2)]
)
def test_a_block_larger_than_a_lane_goes_in_chunks(cupy, monkeypatch, rows, columns, chunk):
    monkeypatch.setattr(lanes, "CHUNK", chunk)
    block = random_block(rows, columns)
    ours, theirs = measured(cupy, block), StandardScaler(columns).partial_fit(block)
    assert ours.mean_ == pytest.approx(theirs.mean_, rel=3e-16)
    assert ours.var_ == pytest.approx(theirs.var_, rel=1e-13)
    numpy.testing.assert_allclose(
        ours.transform(block), theirs.transform(block), rtol=1e-12, atol=1e-12
    )
    assert cupy.largest <= max(chunk, 2 * kernels.PART_BYTES)


@pytest.mark.parametrize("chunk", [500, 1_000, 10_000])
def test_nulls_that_a_block_tells_are_none_on_the_device(cupy, monkeypatch, chunk):
    monkeypatch.setattr(lanes, "CHUNK", chunk)
    array = random_block(1_500, 2)
    gaps = [numpy.arange(0, 1_500, 7), numpy.arange(1_400)]
    block = Block([array[:, 0].copy(), array[:, 1].copy()], gaps)
    for index, positions in enumerate(gaps):
        array[positions, index] = math.nan
    ours, theirs = StandardScaler(2, cupy).partial_fit(block), measured(cupy, array)
    assert ours.moments_ == theirs.moments_
    assert ours.nulls_.tolist() == theirs.nulls_.tolist() == [215, 1_400]
    assert ours.complete_
    numpy.testing.assert_array_equal(ours.transform(block), theirs.transform(array))


def test_blocks_that_lie_on_the_device_stay_there(cupy):
    block = random_block(500, 2)
    resident = numpy.ascontiguousarray(block).view(DeviceArray)
    scaler = measured(cupy, resident)
    z = scaler.transform(resident)
    assert type(z) is DeviceArray
    numpy.testing.assert_allclose(z, measured(cupy, block).transform(block), rtol=1e-15)
    assert len(cupy.streams) == 1


def test_each_worker_has_a_lane_of_its_own_and_keeps_it(cupy, monkeypatch):
    monkeypatch.setattr(lanes, "CHUNK", 1_000)
    blocks = [random_block(400, 2, seed) for seed in range(6)]
    scaler = StandardScaler(2, cupy).partial_fit(blocks[0])
    assert len(cupy.streams) == 1
    all_at_once = Barrier(2)

    def work(seed):
        if seed < 2:
            all_at_once.wait(timeout=30)
        return lanes._lane(cupy)

    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(work, range(6)))
    assert len({id(lane) for lane in found}) == len({id(lane.stream) for lane in found}) == 2
    assert len(cupy.streams) == 3
    assert scaler.transform(blocks[1]).shape == (400, 2)
    assert len(cupy.streams) == 3
