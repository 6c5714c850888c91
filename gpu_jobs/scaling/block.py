"""Numbers on their way to the scaler: some rows of some columns, each column where it lies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy

_NO_NULLS = numpy.empty(0, dtype=numpy.int64)


@dataclass(frozen=True)
class Block:
    """`values` are the columns: of one dimension, of any type of number, equally long.

    `nulls` has for each the positions, ascending, of the rows without a value, whatever stands
    there.
    """

    values: Sequence[Any]
    nulls: Sequence[Any]

    @classmethod
    def of(cls, numbers: Any) -> Block:
        """Numbers of shape (rows, columns); nulls are among them as NaN, for others to find."""
        columns = numpy.asarray(numbers).T
        return cls(list(columns), [_NO_NULLS] * len(columns))

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return len(self.values[0]), len(self.values)

    def __getitem__(self, part: tuple[slice, slice]) -> Block:
        """These rows of these columns, where they lie."""
        rows, columns = part
        nulls = [
            positions[slice(*positions.searchsorted([rows.start, rows.stop]))] - rows.start
            if len(positions)
            else positions
            for positions in self.nulls[columns]
        ]
        return Block([values[rows] for values in self.values[columns]], nulls)

    def copy_to(self, target: Any) -> None:
        """Write the values to `target`, float64 of this shape, with NaN for null."""
        for index, (values, nulls) in enumerate(zip(self.values, self.nulls, strict=True)):
            numpy.copyto(target[:, index], values, casting="unsafe")
            if len(nulls):
                target[nulls, index] = numpy.nan
