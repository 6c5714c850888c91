"""Datasets as normalization leaves them: z-scores with a few nulls, and a column to group by."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy
import pyarrow

from gpu_jobs.parts import row_groups, write_part

COLUMNS = tuple(f"x{index}" for index in range(8))
GROUP_BY = "category"
CATEGORIES = numpy.array(["alpha", "beta", "gamma", "delta", "epsilon"])
NULL_SHARE = 0.01


def write_dataset(path: Path, rows: int, seed: int) -> None:
    """Write `rows` to a Parquet file as normalization would; the same seed gives the same data."""
    random = numpy.random.default_rng([seed, rows])
    common = random.normal(size=rows)
    columns = {name: _z_scores(common, random) for name in COLUMNS}
    category = pyarrow.array(random.integers(0, len(CATEGORIES), rows, dtype=numpy.int8))
    columns[GROUP_BY] = pyarrow.DictionaryArray.from_arrays(category, CATEGORIES).cast("string")
    table = pyarrow.table(columns)
    types = {field.name: field.type for field in table.schema}
    write_part(path, row_groups(table.to_batches()), types)


def _z_scores(common: Any, random: Any) -> Any:
    """A column that correlates with the others by the share of `common` in it."""
    values = random.uniform(-1, 1) * common + random.normal(size=len(common))
    absent = random.random(len(common)) < NULL_SHARE
    present = values[~absent]
    return pyarrow.array((values - present.mean()) / present.std(), mask=absent)
