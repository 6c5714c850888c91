"""Arrow columns to blocks of numbers and back; null is NaN on the way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy
import pyarrow
import pyarrow.compute


def to_block(rows: Any, columns: Sequence[str]) -> Any:
    """The `columns` of a record batch or table as float64, shape (rows, columns).

    Columns are contiguous. Whole numbers and decimals of more digits than float64 has are
    rounded, booleans are 0 and 1.
    """
    block = numpy.empty((rows.num_rows, len(columns)), order="F")
    for index, name in enumerate(columns):
        top = 0
        for cells in _pieces(rows.column(name)):
            numbers = cells.cast(pyarrow.float64(), safe=False)
            if numbers.null_count:
                numbers = pyarrow.compute.fill_null(numbers, numpy.nan)
            block[top : top + len(numbers), index] = numbers.to_numpy()
            top += len(numbers)
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


def _pieces(column: Any) -> Any:
    return column.chunks if isinstance(column, pyarrow.ChunkedArray) else [column]
