"""The grouping column: the key that both pipelines group by, and the text of a key.

Each engine groups by a type that it reads natively: times are whole ticks since 1970 in the unit
that the file has, all else is what it is. Only the keys that were found become text, by one
function for both, because the engines' own casts to text differ.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

import numpy
import pyarrow
import pyarrow.compute

from contracts.grouping import MOST_GROUPS, can_group
from contracts.summary import GroupSummary


class GroupingError(ValueError):
    """The rows cannot be grouped by the column that was asked for."""


def key_type(stored: Any) -> Any:
    """The Arrow type of the keys of a column of type `stored`. Raises GroupingError."""
    if not can_group(str(stored)):
        raise GroupingError(f"rows cannot be grouped by a column of type {stored}")
    if pyarrow.types.is_dictionary(stored):
        return key_type(stored.value_type)
    if pyarrow.types.is_timestamp(stored):
        return pyarrow.int64()
    if pyarrow.types.is_string_view(stored):
        return pyarrow.string()
    return stored


def keys_of(column: Any) -> Any:
    """The keys of an Arrow column; of its floats all zeros are one key and all NaN another."""
    keys = column.cast(key_type(column.type))
    if pyarrow.types.is_floating(keys.type):
        nan = pyarrow.scalar(float("nan"), keys.type)
        keys = pyarrow.compute.if_else(
            pyarrow.compute.is_nan(keys), nan, pyarrow.compute.add(keys, 0.0).cast(keys.type)
        )
    return keys


def key_text(key: Any, stored: Any) -> str | None:
    """The text of a Python value of `key_type(stored)`; null stays None.

    Times are ISO 8601 without an empty fraction, and end in Z when they are instants.
    """
    if key is None:
        return None
    if pyarrow.types.is_timestamp(stored):
        return _time_text(key, stored)
    if isinstance(key, bool):
        return "true" if key else "false"
    if isinstance(key, Decimal):
        return format(key, "f")
    return str(key)


def _time_text(ticks: int, stored: Any) -> str:
    text = str(numpy.datetime64(ticks, stored.unit))
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return text if stored.tz is None else f"{text}Z"


def varying(groups: Sequence[GroupSummary]) -> list[bool]:
    """Of each column, whether it has two different values in all groups together."""
    by_column = zip(*(group.columns for group in groups), strict=True)
    return [
        len({x for column in of_column for x in (column.minimum, column.maximum)} - {None}) > 1
        for of_column in by_column
    ]


def check_number(groups: int) -> None:
    """Raises GroupingError for more than MOST_GROUPS groups."""
    if groups > MOST_GROUPS:
        raise GroupingError(
            f"the grouping column has more than {MOST_GROUPS:,} different values: "
            "choose another one with group-by"
        )


def in_order(groups: Iterable[GroupSummary]) -> tuple[GroupSummary, ...]:
    """The groups by their text, null first."""
    return tuple(sorted(groups, key=lambda group: (group.group is not None, group.group or "")))
