"""Normalized rows as Parquet files, with row groups sized for Spark."""

from __future__ import annotations

import base64
import io
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy
import pyarrow
import pyarrow.parquet
from pyarrow import types

from gpu_jobs.arrays import numbers
from gpu_jobs.chunks import Chunk
from gpu_jobs.readers.parquet_dictionaries import SHORT_BYTES

ROW_GROUP_ROWS = 131_072
ROW_GROUP_BYTES = 64 << 20
"""A row group ends at whichever comes first: a few MB on disk, and bounded for wide rows."""

PART_BYTES = 128 << 20
"""How much of the rows, as they are in memory, goes to a part: Spark's default split."""

WRITTEN_VALUES = 16_384
"""Values that are encoded at a time; the usual 1,024 cost a tenth more."""

SAMPLE = 8192
"""Rows of a column that tell which encoding its values ask for."""


@dataclass(frozen=True)
class Part:
    """A finished part."""

    path: Path
    rows: int


def plan_parts(chunks: Sequence[Chunk], workers: int) -> list[list[Chunk]]:
    """Consecutive chunks of about PART_BYTES for each part, shared fairly among `workers`.

    A chunk of several row groups may be cut between two of them.
    """
    rows = sum(chunk.rows for chunk in chunks)
    size = max(1, sum(chunk.nbytes for chunk in chunks))
    parts = math.ceil(size / PART_BYTES)
    if rows >= workers * ROW_GROUP_ROWS:
        parts = workers * math.ceil(parts / workers)
    planned: list[list[Chunk]] = [[] for _ in range(parts)]
    before = 0
    for chunk in chunks:
        top = 0
        for number, groups in Counter(
            (before + chunk.nbytes * start // chunk.rows) * parts // size
            for start in range(0, chunk.rows, ROW_GROUP_ROWS)
        ).items():
            rows = min(groups * ROW_GROUP_ROWS, chunk.rows - top)
            planned[number].append(chunk.slice(top, rows))
            top += rows
        before += chunk.nbytes
    return [part for part in planned if part]


def row_groups(batches: Iterable[Any]) -> Iterator[Any]:
    """The rows of `batches` in tables of ROW_GROUP_ROWS, or fewer where they are wide or last."""
    waiting: list[Any] = []
    rows = size = 0
    for batch in batches:
        rest = batch
        while rest.num_rows:
            fitting = (ROW_GROUP_BYTES - size) * rest.num_rows // max(1, rest.nbytes)
            piece = rest.slice(0, max(1, min(ROW_GROUP_ROWS - rows, fitting)))
            rest = rest.slice(piece.num_rows)
            waiting.append(piece)
            rows += piece.num_rows
            size += piece.nbytes
            if rows == ROW_GROUP_ROWS or size >= ROW_GROUP_BYTES:
                yield pyarrow.Table.from_batches(waiting)
                waiting, rows, size = [], 0, 0
    if waiting:
        yield pyarrow.Table.from_batches(waiting)


def write_part(path: Path, tables: Iterator[Any], column_types: Mapping[str, Any]) -> Part:
    """Write each of `tables`, of which there is at least one, as a row group of `path`.

    To readers the columns have `column_types`, also those that the tables have as dictionaries.
    """
    first = next(tables)
    rows = first.num_rows
    with _open_writer(path, first) as writer:
        writer.add_key_value_metadata(_arrow_schema(first.column_names, column_types))
        _write_row_group(writer, first)
        del first
        for table in tables:
            _write_row_group(writer, table)
            rows += table.num_rows
    return Part(path, rows)


def _write_row_group(writer: Any, table: Any) -> None:
    for index, field in enumerate(table.schema):
        column = table.column(index)
        # Of several dictionaries the writer keeps none: right for long ones, which are no gain.
        if types.is_dictionary(field.type) and all(
            chunk.dictionary.nbytes < SHORT_BYTES for chunk in column.chunks
        ):
            table = table.set_column(index, field, column.unify_dictionaries())
    writer.write_table(table, row_group_size=table.num_rows)


def _arrow_schema(names: Iterable[str], column_types: Mapping[str, Any]) -> dict[str, bytes]:
    """What Parquet's own types do not say of the columns, where Arrow's readers look for it."""
    schema = pyarrow.schema([(name, column_types[name]) for name in names])
    return {"ARROW:schema": base64.b64encode(schema.serialize())}


def _open_writer(path: Path, rows: Any) -> Any:
    """A writer whose encodings fit `rows`, the first row group.

    A dictionary of values that hardly repeat costs time and space before it is given up, and
    compressing what is noise, as most z-scores are, costs a third of the writing for a twentieth
    of the space.
    """
    sample = rows.slice(rows.num_rows // 2, SAMPLE)
    # What comes as indices has been found to repeat.
    indices = [field.name for field in sample.schema if types.is_dictionary(field.type)]
    others = (name for name in sample.schema.names if name not in indices)
    repeating = [*indices, *(name for name in others if _repeats(sample[name]))]
    noise = {n for n in sample.schema.names if n not in repeating and _is_noise(sample[n])}
    leaves = _leaf_columns(rows.schema)
    return pyarrow.parquet.ParquetWriter(
        path,
        rows.schema,
        compression={leaf: "none" if leaf in noise else "zstd" for leaf in leaves},
        use_dictionary=repeating,
        # Noise reaches as far in every row group: its extremes would help nobody to skip one.
        write_statistics=[leaf for leaf in leaves if leaf not in noise],
        write_batch_size=WRITTEN_VALUES,
        store_schema=False,
    )


def _repeats(column: Any) -> bool:
    """Whether a value stands twice on average, or more often."""
    return not types.is_nested(column.type) and 2 * _different(column) <= len(column)


def _different(column: Any) -> int:
    """How many values differ, nulls left out where that is simpler.

    For numbers and text without pyarrow.compute, whose import takes a twentieth of a second.
    """
    if types.is_integer(column.type) or types.is_floating(column.type):
        return len(numpy.unique(_present(column)))
    if types.is_string(column.type):
        return len(set(column.to_pylist()))
    try:
        return len(column.unique())
    except pyarrow.ArrowNotImplementedError:
        return len(column)


def _is_noise(column: Any) -> bool:
    """Whether they are floating-point numbers that compression takes less than a tenth off."""
    if not types.is_floating(column.type):
        return False
    values = _present(column).tobytes()
    return len(pyarrow.compress(values, codec="zstd", asbytes=True)) > 0.9 * len(values)


def _present(column: Any) -> Any:
    """The numbers that are not null."""
    values, nulls = numbers(column.combine_chunks())
    return numpy.delete(values, nulls)


def _leaf_columns(schema: Any) -> list[str]:
    """The columns as Parquet knows them: those within nested ones by themselves."""
    empty = io.BytesIO()
    pyarrow.parquet.ParquetWriter(empty, schema).close()
    leaves = pyarrow.parquet.ParquetFile(empty).schema
    return [leaves.column(index).path for index in range(len(leaves))]
