"""Arrow columns to blocks of numbers and back; null is NaN on the way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy
import pyarrow
import pyarrow.compute
from pyarrow import types

# Neither this nor what fills in NaN below goes through the functions of pyarrow that look whether
# something is of pandas: where that is installed, loading it takes a fifth of a second.
_NAN = pyarrow.Array.from_buffers(
    pyarrow.float64(), 1, [None, pyarrow.py_buffer(numpy.array([numpy.nan]))]
)[0]


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
            block[top : top + len(cells), index] = _numbers(cells)
            top += len(cells)
    return block


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


def _numbers(cells: Any) -> Any:
    kind = cells.type
    if cells.null_count or not (types.is_integer(kind) or types.is_floating(kind)):
        if kind != pyarrow.float64():
            cells = cells.cast(pyarrow.float64(), safe=False)
        cells = pyarrow.compute.call_function("coalesce", [cells, _NAN])
    # The cells' own memory: whoever copies it into the block makes it float64 on the way.
    return numpy.from_dlpack(cells)


def _pieces(column: Any) -> Any:
    return column.chunks if isinstance(column, pyarrow.ChunkedArray) else [column]
