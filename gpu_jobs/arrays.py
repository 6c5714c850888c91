"""Arrow columns to blocks of numbers and back; null is NaN on the way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy
import pyarrow


def to_block(rows: Any, columns: Sequence[str]) -> Any:
    """The `columns` of a record batch or table as float64, shape (rows, columns).

    Columns are contiguous. Whole numbers beyond 2^53 are rounded, booleans are 0 and 1.
    """
    block = numpy.empty((rows.num_rows, len(columns)), order="F")
    for index, name in enumerate(columns):
        cells = rows.column(name).cast(pyarrow.float64(), safe=False)
        block[:, index] = cells.to_numpy(zero_copy_only=False)
    return block


def to_column(values: Any, dtype: Any) -> Any:
    """One column of numbers as an Arrow array of type `dtype`, NaN as null."""
    return pyarrow.array(values, from_pandas=True).cast(dtype)
