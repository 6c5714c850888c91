"""The first rows of a dataset, which tell how best to aggregate all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy
import pyarrow
from pyarrow import types

from spark_jobs.groups import keys_of

SAMPLE_ROWS = 10_000
MANY_VALUES = 100
"""Of a group with so many sampled values in a column few others lie beyond their extremes."""


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
    """How many rows were read, into how many cells, a key with a pattern of nulls, they fall, and
    what the groups reach that have many values among them.
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
        key = keys_of(batch[group_by])
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
    asked = ("count", "min", "max")
    groups = (
        pyarrow.table([key, *values], ["key", *names])
        .group_by("key")
        .aggregate([(name, function) for name in names for function in asked])
    )
    counts, lows, highs = (
        numpy.column_stack([groups[f"{name}_{function}"].to_numpy() for name in names])
        for function in asked
    )
    is_known = (counts >= MANY_VALUES) & numpy.isfinite(lows) & numpy.isfinite(highs)
    rows = is_known.all(axis=1) & _can_be_known(groups["key"])
    return Reached(
        tuple(groups["key"].filter(pyarrow.array(rows)).to_pylist()),
        tuple(lows[rows].max(axis=0, initial=-numpy.inf).tolist()),
        tuple(highs[rows].min(axis=0, initial=numpy.inf).tolist()),
    )


def _can_be_known(keys: Any) -> bool:
    """Whether Spark surely finds these keys again when Python hands them back."""
    if types.is_signed_integer(keys.type):
        return True
    if not (types.is_string(keys.type) or types.is_large_string(keys.type)):
        return False
    try:
        keys.to_pylist()
    except UnicodeDecodeError:
        return False
    return True
