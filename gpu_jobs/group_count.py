"""How many groups a column makes, counted while the rows pass by."""

from __future__ import annotations

from typing import Any

import pyarrow

from contracts.grouping import MOST_GROUPS


class GroupCount:
    """The different values of `column` in the batches so far, null among them; None has none.

    Once there are too many it keeps none of them and looks at no further batch.
    """

    def __init__(self, column: str | None) -> None:
        self.too_many = False
        self._column = column
        self._values: Any = None

    def add(self, batch: Any) -> None:
        """Take the values of a record batch in; all batches have the same types."""
        if self._column is None or self.too_many:
            return
        self._take(_different(batch.column(self._column)))

    def merge(self, other: GroupCount) -> None:
        """Take in what another count of the same column has found in other rows."""
        if other.too_many:
            self.too_many, self._values = True, None
        elif other._values is not None and not self.too_many:
            self._take(other._values)

    def _take(self, values: Any) -> None:
        if self._values is not None:
            values = pyarrow.chunked_array([self._values, values]).unique()
        self.too_many = len(values) > MOST_GROUPS
        self._values = None if self.too_many else values


def _different(column: Any) -> Any:
    """The different values as Spark groups them: all zeros are one, and all NaN are another."""
    values = column.unique()
    if pyarrow.types.is_dictionary(values.type):
        # A dictionary may hold a value twice, and differs from batch to batch.
        values = values.cast(values.type.value_type)
    if pyarrow.types.is_floating(values.type):
        # Imported where it is needed, since it takes longer than some jobs to compute.
        from pyarrow import compute

        nan = pyarrow.scalar(float("nan"), values.type)
        positive_zero = compute.add(values, pyarrow.scalar(0.0, values.type))
        values = compute.if_else(compute.is_nan(values), nan, positive_zero)
    return values.unique()
