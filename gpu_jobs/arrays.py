"""Arrow columns to blocks of numbers and back; null is NaN on the way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy
import pyarrow
from pyarrow import types

LEAST_ROWS = 4096
"""Of a block, where there are as many: to gather fewer costs more than to compute with them."""


def to_blocks(rows: Any, columns: Sequence[str], values: int) -> Iterator[Any]:
    """The `columns` as `to_block` gives them, in blocks of about so many values."""
    height = max(LEAST_ROWS, values // len(columns))
    for top in range(0, rows.num_rows, height):
        yield to_block(rows.slice(top, height), columns)


def to_block(rows: Any, columns: Sequence[str]) -> Any:
    """The `columns` of a record batch or table as float64, shape (rows, columns).

    Columns are contiguous. Whole numbers and decimals of more digits than float64 has are
    rounded, booleans are 0 and 1.
    """
    block = numpy.empty((rows.num_rows, len(columns)), order="F")
    for index, name in enumerate(columns):
        top = 0
        for cells in _pieces(rows.column(name)):
            _fill(block[top : top + len(cells), index], cells)
            top += len(cells)
    return block


def numbers(cells: Any) -> tuple[Any, Any]:
    """The numbers of an Arrow array where they lie, and where they are null; None is nowhere."""
    present, values = cells.buffers()
    start, end = cells.offset, cells.offset + len(cells)
    if start == end:
        return numpy.empty(0), None
    values = numpy.frombuffer(values, cells.type.to_pandas_dtype(), end)[start:]
    if not cells.null_count:
        return values, None
    whole, rest = divmod(start, 8)
    octets = numpy.frombuffer(present, numpy.uint8, offset=whole)
    bits = numpy.unpackbits(octets, count=end - 8 * whole, bitorder="little")
    return values, bits[rest:] == 0


EXACT_DIGITS = 15
"""Decimals of so many digits are whole numbers of a double, over a power of ten that is one too."""


def decimal_to_double(decimals: Any) -> Any:
    """A decimal128 array of at most EXACT_DIGITS digits as float64, each value the nearest one.

    Arrow's own cast multiplies by a negative power of ten, which is rounded already.
    """
    present, values = decimals.buffers()
    end = decimals.offset + len(decimals)
    # Little-endian, 16 bytes each: so few digits lie in the lower half.
    whole = numpy.frombuffer(values, numpy.int64, 2 * end)[::2]
    doubles = whole / 10.0**decimals.type.scale
    buffers = [present, pyarrow.py_buffer(doubles)]
    return pyarrow.Array.from_buffers(pyarrow.float64(), end, buffers)[decimals.offset :]


def to_column(values: Any, dtype: Any) -> Any:
    """One column of numbers as an Arrow array of type `dtype`, float64 or float32, NaN as null.

    Of contiguous numbers of that type nothing is copied: the array keeps the memory of `values`.
    """
    numbers = numpy.ascontiguousarray(values, dtype=dtype.to_pandas_dtype())
    null = numpy.isnan(numbers)
    # Arrow's bitmap of what is there: the first row is the lowest bit.
    valid = numpy.packbits(~null, bitorder="little")
    buffers = [pyarrow.py_buffer(valid), pyarrow.py_buffer(numbers)]
    return pyarrow.Array.from_buffers(dtype, len(numbers), buffers, numpy.count_nonzero(null))


def _fill(target: Any, cells: Any) -> None:
    if not (types.is_integer(cells.type) or types.is_floating(cells.type)):
        cells = cells.cast(pyarrow.float64(), safe=False)
    values, null = numbers(cells)
    target[:] = values
    if null is not None:
        numpy.copyto(target, numpy.nan, where=null)


def _pieces(column: Any) -> Any:
    return column.chunks if isinstance(column, pyarrow.ChunkedArray) else [column]
