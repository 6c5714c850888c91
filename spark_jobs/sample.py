"""The first rows of a dataset, which tell how best to aggregate all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy
import pyarrow

from spark_jobs.groups import key_type

SAMPLE_ROWS = 10_000
MANY_OF_A_GROUP = 100
"""Of so many sampled rows few others lie beyond the lowest and the highest."""


@dataclass(frozen=True)
class Reached:
    """What some groups are known to reach in each column: values down to `lows`, up to `highs`.

    Each group of `keys` has a value ≤ `lows[i]` and one ≥ `highs[i]` in column i.
    """

    keys: tuple[str | int | None, ...]
    lows: tuple[float, ...]
    highs: tuple[float, ...]


@dataclass(frozen=True)
class Sample:
    """How many rows were read, how many different cells they have, keys with patterns of nulls,
    and what the groups reach that many of them belong to.
    """

    rows: int
    cells: int
    reached: Reached


def take_sample(part: Any, columns: Sequence[str], group_by: str | None) -> Sample:
    """A sample of an open Parquet part."""
    names = list(dict.fromkeys([*columns, *([] if group_by is None else [group_by])]))
    batch = next(part.iter_batches(SAMPLE_ROWS, columns=names), None)
    if batch is None:
        batch = part.schema_arrow.empty_table()
    if group_by is None:
        key = pyarrow.nulls(batch.num_rows, pyarrow.string())
    else:
        key = batch[group_by].cast(key_type(batch[group_by].type))
    values = [batch[name].cast(pyarrow.float64(), safe=False) for name in columns]
    return Sample(batch.num_rows, _cells(key, values), _reached(key, values))


def _cells(key: Any, values: Sequence[Any]) -> int:
    absent = numpy.zeros(len(key), numpy.int64)
    for index, column in enumerate(values):
        absent |= column.is_null().to_numpy(zero_copy_only=False).astype(int) << index
    table = pyarrow.table({"key": key, "absent": absent})
    return int(table.group_by(["key", "absent"]).aggregate([]).num_rows)


def _reached(key: Any, values: Sequence[Any]) -> Reached:
    names = [f"c{index}" for index in range(len(values))]
    groups = (
        pyarrow.table([key, *values], ["key", *names])
        .group_by("key")
        .aggregate([([], "count_all"), *((name, f) for name in names for f in ("min", "max"))])
    )
    # Null, where a group has no value, becomes NaN.
    lows, highs = (
        numpy.column_stack([groups[f"{name}_{f}"].to_numpy() for name in names])
        for f in ("min", "max")
    )
    is_known = numpy.isfinite(lows).all(axis=1) & numpy.isfinite(highs).all(axis=1)
    is_known &= groups["count_all"].to_numpy() >= MANY_OF_A_GROUP
    is_known &= _is_plain(key.type)
    return Reached(
        tuple(groups["key"].filter(pyarrow.array(is_known)).to_pylist()),
        tuple(lows[is_known].max(axis=0, initial=-numpy.inf).tolist()),
        tuple(highs[is_known].min(axis=0, initial=numpy.inf).tolist()),
    )


def _is_plain(key: Any) -> bool:
    """Whether keys of a type are the same to Spark when Python hands them back."""
    types = pyarrow.types
    text = types.is_string(key) or types.is_large_string(key)
    return bool(text or types.is_signed_integer(key))
