"""Parquet: everything from the footer, so that no page is ever unpacked here."""

from __future__ import annotations

import os
from typing import Any

from contracts.manifest import Column
from pipeline.dataset.column_types import is_text
from pipeline.dataset.content import PARQUET_MAGIC
from pipeline.dataset.limits import READ_LIMIT, MiB
from pipeline.dataset.problems import rejected
from pipeline.dataset.sample import File
from pipeline.dataset.table import Table, check_names
from pipeline.errors import InputRejected

_TAIL_BYTES = 8
_MAX_FOOTER = READ_LIMIT // 2
_MAX_DICTIONARY = 1024
"""Bytes of a dictionary page, packed: some dozens of values of some letters."""


def describe(file: File, size: int) -> Table:
    """The table that the footer of a file of `size` bytes tells of. Raises InputRejected."""
    import pyarrow as pa

    footer = _read_footer(file, size)
    try:
        rows, table = _parse(footer)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise rejected(
            "corrupt_parquet",
            f"The Parquet footer is damaged ({error}). Write the file and upload it again.",
            "footer",
        ) from error
    if not rows:
        raise rejected("no_rows", "The Parquet file has no rows. Upload a file with data.")
    check_names([column.name for column in table.columns], "schema")
    return table


def _parse(footer: bytes) -> tuple[int, Table]:
    """The number of rows and the table."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    parsed = pq.ParquetFile(pa.BufferReader(PARQUET_MAGIC + footer))
    columns = tuple(Column(field.name, str(field.type)) for field in parsed.schema_arrow)
    return parsed.metadata.num_rows, Table(columns, _categories(parsed.metadata, columns))


def _read_footer(file: File, size: int) -> bytes:
    """The file's end from the footer on. Raises InputRejected when it cannot be all there."""
    if size < len(PARQUET_MAGIC) + _TAIL_BYTES:
        raise _truncated()
    file.seek(-_TAIL_BYTES, os.SEEK_END)
    tail = file.read(_TAIL_BYTES)
    length = int.from_bytes(tail[:4], "little")
    if tail[4:] != PARQUET_MAGIC or length > size - len(PARQUET_MAGIC) - _TAIL_BYTES:
        raise _truncated()
    if length > _MAX_FOOTER:
        raise rejected(
            "read_limit",
            f"The Parquet footer has {length:,} bytes, and at most {_MAX_FOOTER // MiB} MiB are "
            "read. Write fewer columns, or larger row groups.",
            "footer",
        )
    file.seek(-_TAIL_BYTES - length, os.SEEK_END)
    return file.read(length) + tail


def _truncated() -> InputRejected:
    return rejected(
        "truncated",
        "The file begins as Parquet and does not end as such: it was cut off. Upload it again.",
        "footer",
    )


def _categories(metadata: Any, columns: tuple[Column, ...]) -> tuple[str, ...]:
    """The text columns whose dictionaries are small, in the order of the columns."""
    texts = {column.name for column in columns if is_text(column.type)}
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    paths = [metadata.schema.column(leaf).path for leaf in range(metadata.num_columns)]
    return tuple(
        path
        for leaf, path in enumerate(paths)
        if path in texts and _repeats([group.column(leaf) for group in groups if group.num_rows])
    )


def _repeats(chunks: list[Any]) -> bool:
    """Whether a column has few different values: a dictionary of some bytes for many rows.

    The dictionary page lies between its own offset and that of the first data page.
    """
    if not all(chunk.has_dictionary_page for chunk in chunks):
        return False
    sizes = [chunk.data_page_offset - chunk.dictionary_page_offset for chunk in chunks]
    rows = sum(chunk.num_values for chunk in chunks)
    return max(sizes) <= _MAX_DICTIONARY and sum(sizes) <= rows and not _is_constant(chunks)


def _is_constant(chunks: list[Any]) -> bool:
    extremes = set()
    for statistics in (chunk.statistics for chunk in chunks):
        if statistics is None or not statistics.has_min_max:
            return False
        extremes |= {statistics.min, statistics.max}
    return len(extremes) == 1
