from __future__ import annotations

import math
from decimal import Decimal

import numpy
import pyarrow
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_jobs.arrays import decimal_to_double, to_block, to_blocks, to_column


def spelled_out(block):
    array = numpy.empty(block.shape, order="F")
    block.copy_to(array)
    return array


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (pyarrow.array([1.5, None, math.inf]), [1.5, math.nan, math.inf]),
        (pyarrow.array([1.5, None], pyarrow.float32()), [1.5, math.nan]),
        (pyarrow.array(numpy.array([0.5, 2.0], numpy.float16)), [0.5, 2.0]),
        (pyarrow.array([2**53 + 1, None, -7]), [2.0**53, math.nan, -7.0]),
        (pyarrow.array([2**53 + 1, -7]), [2.0**53, -7.0]),
        (pyarrow.array([2**64 - 1], pyarrow.uint64()), [2.0**64]),
        (pyarrow.array([None, None], pyarrow.int8()), [math.nan, math.nan]),
        (pyarrow.array([True, False]), [1.0, 0.0]),
        (pyarrow.array([Decimal("0.10"), None]), [0.1, math.nan]),
        (pyarrow.array([True, None, False]), [1.0, math.nan, 0.0]),
        (pyarrow.array([], pyarrow.int64()), []),
    ],
    ids=lambda value: str(value.type) if isinstance(value, pyarrow.Array) else "",
)
def test_cells_become_the_nearest_float64_and_null_becomes_nan(cells, expected):
    block = to_block(pyarrow.record_batch([cells], names=["x"]), ["x"])
    numpy.testing.assert_array_equal(spelled_out(block)[:, 0], expected)


@pytest.mark.parametrize("type_", [pyarrow.float64(), pyarrow.int16(), pyarrow.float32()])
@pytest.mark.parametrize("start", [0, 1, 7, 8, 9, 70])
def test_every_slice_has_its_own_nulls(type_, start):
    cells = pyarrow.array([None if n % 3 == 0 else n for n in range(100)], type_)
    batch = pyarrow.record_batch({"x": cells}).slice(start, 20)
    expected = [math.nan if n % 3 == 0 else n for n in range(start, start + 20)]
    numpy.testing.assert_array_equal(spelled_out(to_block(batch, ["x"]))[:, 0], expected)


@given(st.lists(st.none() | st.integers(0, 9), max_size=70), st.integers(0, 70))
def test_nulls_are_told_by_their_positions(cells, start):
    rows = pyarrow.record_batch({"x": pyarrow.array(cells, pyarrow.int64())}).slice(start)
    block = to_block(rows, ["x"])
    assert block.shape == (len(cells[start:]), 1)
    assert block.nulls[0].tolist() == [i for i, cell in enumerate(cells[start:]) if cell is None]


def test_columns_come_in_the_order_that_is_asked_for_and_where_they_lie():
    batch = pyarrow.record_batch({"a": [1, 2], "b": [3, 4], "c": [5, 6]})
    block = to_block(batch, ["c", "a"])
    assert [values.tolist() for values in block.values] == [[5, 6], [1, 2]]
    assert block.values[0].ctypes.data == batch["c"].buffers()[1].address


def test_a_table_is_cut_into_blocks_of_about_so_many_values():
    table = pyarrow.table({"a": range(20_000), "b": range(20_000), "c": range(20_000)})
    cut = list(to_blocks(table, ["a", "b"], 16_384))
    assert [block.shape for _, block in cut] == [(8192, 2), (8192, 2), (3616, 2)]
    assert [rows["a"][0].as_py() for rows, _ in cut] == [0, 8192, 16_384]
    assert len(list(to_blocks(table, ["a", "b"], 1))) == 5
    assert next(to_blocks(table, ["a", "b", "c"], 30_000))[0].num_rows == 10_000


def test_large_pieces_are_left_where_they_lie_and_small_ones_put_together():
    large, small = (
        pyarrow.table({"a": pyarrow.chunked_array([range(rows)] * 5, pyarrow.int64())})
        for rows in (5_000, 300)
    )
    cut = list(to_blocks(large, ["a"], 1 << 20))
    assert [block.shape for _, block in cut] == [(5_000, 1)] * 5
    addresses = [chunk.buffers()[1].address for chunk in large["a"].chunks]
    assert [block.values[0].ctypes.data for _, block in cut] == addresses
    ((rows, block),) = to_blocks(small, ["a"], 1 << 20)
    assert block.shape == (1_500, 1)
    assert rows["a"].to_pylist() == list(range(300)) * 5


@pytest.mark.parametrize("dtype", [pyarrow.float64(), pyarrow.float32()])
@pytest.mark.parametrize("rows", [0, 1, 8, 9, 1000])
def test_a_column_of_numbers_becomes_arrow_with_null_for_nan(dtype, rows):
    values = numpy.arange(rows, dtype=float)
    values[::3] = math.nan
    column = to_column(values, dtype)
    column.validate(full=True)
    assert column.type == dtype
    assert column.null_count == len(values[::3])
    assert column.to_pylist() == [None if math.isnan(x) else x for x in values]


def test_a_column_without_nan_has_no_null():
    assert to_column(numpy.array([1.0, 2.0]), pyarrow.float64()).null_count == 0


@pytest.mark.parametrize("start", [0, 8, 16])
@pytest.mark.parametrize("null", [None, 0.0])
def test_known_nulls_are_taken_over_whatever_stands_there(start, null):
    cells = pyarrow.array([null if n % 3 == 0 else float(n) for n in range(20)])[start:]
    column = to_column(numpy.full(len(cells), 7.0), pyarrow.float64(), nulls_of=cells)
    column.validate(full=True)
    assert column.null_count == cells.null_count
    assert column.to_pylist() == [None if cell is None else 7.0 for cell in cells.to_pylist()]


def test_nulls_are_looked_for_where_the_bitmap_begins_within_a_byte():
    cells = pyarrow.array([1.0, 2.0, 3.0, None, 5.0])[2:]
    column = to_column(numpy.array([7.0, math.nan, 7.0]), pyarrow.float64(), nulls_of=cells)
    assert column.to_pylist() == [7.0, None, 7.0]


def test_a_column_that_does_not_lie_together_is_taken_value_by_value():
    block = numpy.array([[1.0, 2.0], [3.0, 4.0]])
    assert to_column(block[:, 1], pyarrow.float64()).to_pylist() == [2.0, 4.0]


@given(st.lists(st.one_of(st.none(), st.integers(-(10**15) + 1, 10**15 - 1))), st.integers(0, 15))
def test_a_decimal_becomes_the_nearest_double(unscaled, scale):
    decimals = [None if n is None else Decimal(n).scaleb(-scale) for n in unscaled]
    array = pyarrow.array(decimals, pyarrow.decimal128(15, scale))
    nearest = [None if value is None else float(value) for value in decimals]
    assert decimal_to_double(array).to_pylist() == nearest
    assert decimal_to_double(array[1:]).to_pylist() == nearest[1:]
