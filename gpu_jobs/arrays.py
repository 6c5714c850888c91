"""Arrow columns to blocks of numbers, and numbers back to Arrow, with null for NaN."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy
import pyarrow
from pyarrow import types

from gpu_jobs.scaling.block import Block

LEAST_ROWS = 4096
"""Of a block, where there are as many: to look at fewer costs more than to compute with them."""


def to_blocks(table: Any, columns: Sequence[str], values: int) -> Iterator[tuple[Any, Block]]:
    """The `columns` of a table in record batches, and these as blocks, of about so many values.

    Rows that lie in many small pieces are put together first.
    """
    rows = table.select(columns)
    if rows.num_rows < LEAST_ROWS * rows.column(0).num_chunks:
        rows = rows.combine_chunks()
    # Whole bytes of the bitmaps.
    height = max(LEAST_ROWS, values // len(columns)) & ~7
    for batch in rows.to_batches(max_chunksize=height):
        yield batch, to_block(batch, columns)


def to_block(rows: Any, columns: Sequence[str]) -> Block:
    """The `columns` of a record batch; numbers are left where they lie."""
    found = [numbers(rows.column(name)) for name in columns]
    return Block([values for values, _ in found], [nulls for _, nulls in found])


def numbers(cells: Any) -> tuple[Any, Any]:
    """An Arrow array's numbers, and the positions that hold none.

    Booleans are 0 and 1; decimals of more digits than float64 has are rounded.
    """
    if not (types.is_integer(cells.type) or types.is_floating(cells.type)):
        cells = cells.cast(pyarrow.float64(), safe=False)
    present, values = cells.buffers()
    start, end = cells.offset, cells.offset + len(cells)
    if start == end:
        return numpy.empty(0), numpy.empty(0, dtype=numpy.int64)
    values = numpy.frombuffer(values, cells.type.to_pandas_dtype(), end)[start:]
    if not cells.null_count:
        return values, numpy.empty(0, dtype=numpy.int64)
    first = start // 8
    absent = ~numpy.frombuffer(present, numpy.uint8)[first : -(-end // 8)]
    octets = numpy.flatnonzero(absent != 0)
    bits = numpy.flatnonzero(numpy.unpackbits(absent[octets], bitorder="little").view(bool))
    nulls = ((first + octets[bits >> 3]) << 3) + (bits & 7) - start
    return values, nulls[(nulls >= 0) & (nulls < len(cells))]


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


def to_column(values: Any, dtype: Any, nulls_of: Any = None) -> Any:
    """One column of numbers as an Arrow array of type `dtype`, float64 or float32, NaN as null.

    Where it is known to be null where the Arrow array `nulls_of` is, and nowhere else, it need not
    be looked for. Of contiguous numbers of that type nothing is copied: the array keeps the memory
    of `values`.
    """
    numbers = numpy.ascontiguousarray(values, dtype=dtype.to_pandas_dtype())
    if nulls_of is not None and nulls_of.offset % 8 == 0:
        valid, null_count = nulls_of.buffers()[0], nulls_of.null_count
        if valid is not None:
            valid = valid.slice(nulls_of.offset // 8)
    else:
        null = numpy.isnan(numbers)
        # Arrow's bitmap of what is there: the first row is the lowest bit.
        valid = pyarrow.py_buffer(numpy.packbits(~null, bitorder="little"))
        null_count = numpy.count_nonzero(null)
    buffers = [valid, pyarrow.py_buffer(numbers)]
    return pyarrow.Array.from_buffers(dtype, len(numbers), buffers, null_count)
