"""Normalized rows as Parquet files, with row groups sized for Spark."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet

ROW_GROUP_ROWS = 131_072
ROW_GROUP_BYTES = 64 << 20
"""A row group ends at whichever comes first: a few MB on disk, and bounded for wide rows."""

PART_BYTES = 128 << 20
"""A part is closed beyond this size, which is Spark's default split."""

Publish = Callable[[Path, int], None]
"""`(path, rows)`: takes a finished part, which is deleted afterwards."""


def row_groups(batches: Iterable[Any]) -> Iterator[Any]:
    """The rows of `batches` in tables of the size of a row group; the last may be smaller."""
    waiting: list[Any] = []
    rows = size = 0
    for batch in batches:
        rest = batch
        while rest.num_rows:
            piece = rest.slice(0, ROW_GROUP_ROWS - rows)
            rest = rest.slice(piece.num_rows)
            waiting.append(piece)
            rows += piece.num_rows
            size += piece.nbytes
            if rows == ROW_GROUP_ROWS or size >= ROW_GROUP_BYTES:
                yield pyarrow.Table.from_batches(waiting)
                waiting, rows, size = [], 0, 0
    if waiting:
        yield pyarrow.Table.from_batches(waiting)


class PartWriter:
    """Writes row groups to `part-00000.parquet`, `part-00001.parquet`, … in `folder`."""

    def __init__(self, folder: Path, publish: Publish) -> None:
        self._folder = folder
        self._publish = publish
        self._parts = 0
        self._rows = 0
        self._writer: Any = None

    def write(self, table: Any) -> None:
        """Write `table` as one row group."""
        if self._writer is None:
            self._path = self._folder / f"part-{self._parts:05d}.parquet"
            self._writer = _open_writer(self._path, table.schema)
        self._writer.write_table(table, row_group_size=max(1, table.num_rows))
        self._rows += table.num_rows
        if self._path.stat().st_size >= PART_BYTES:
            self.close()

    def close(self) -> None:
        """Finish the part that is open."""
        if self._writer is None:
            return
        self._writer.close()
        self._publish(self._path, self._rows)
        self._path.unlink()
        self._parts += 1
        self._rows = 0
        self._writer = None


def _open_writer(path: Path, schema: Any) -> Any:
    # z-scores hardly repeat: a dictionary of them costs four times the time and a quarter more
    # space before it is given up.
    repeating = [field.name for field in schema if not pyarrow.types.is_floating(field.type)]
    return pyarrow.parquet.ParquetWriter(
        path,
        schema,
        compression="zstd",
        use_dictionary=repeating,
        write_page_checksum=True,
    )
