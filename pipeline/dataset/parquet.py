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
    import pyarrow.parquet as pq

    _check_footer(file, size)
    try:
        footer = pq.ParquetFile(file)
        schema = footer.schema_arrow
    except (pa.ArrowException, OSError, ValueError) as error:
        raise rejected(
            "corrupt_parquet",
            f"The Parquet footer is damaged ({error}). Write the file and upload it again.",
            "footer",
        ) from error
    if not footer.metadata.num_rows:
        raise rejected("no_rows", "The Parquet file has no rows. Upload a file with data.")
    check_names(schema.names, "schema")
    columns = tuple(Column(field.name, str(field.type)) for field in schema)
    return Table(columns, _categories(footer.metadata, columns))


def _check_footer(file: File, size: int) -> None:
    if size < _TAIL_BYTES + len(PARQUET_MAGIC):
        raise _truncated()
    file.seek(-_TAIL_BYTES, os.SEEK_END)
    tail = file.read(_TAIL_BYTES)
    if tail[4:] != PARQUET_MAGIC:
        raise _truncated()
    length = int.from_bytes(tail[:4], "little")
    if length > size - _TAIL_BYTES - len(PARQUET_MAGIC):
        raise _truncated()
    if length > _MAX_FOOTER:
        raise rejected(
            "read_limit",
            f"The Parquet footer has {length:,} bytes, and at most {_MAX_FOOTER // MiB} MiB are "
            "read. Write fewer columns, or larger row groups.",
            "footer",
        )


def _truncated() -> InputRejected:
    return rejected(
        "truncated",
        "The file begins as Parquet and does not end as such: it was cut off. Upload it again.",
        "footer",
    )


def _categories(metadata: Any, columns: tuple[Column, ...]) -> tuple[str, ...]:
    """The text columns whose dictionary is small in each row group: their values repeat.

    The dictionary page lies between its own offset and that of the first data page.
    """
    texts = {column.name for column in columns if is_text(column.type)}
    leaves = [i for i in range(metadata.num_columns) if metadata.schema.column(i).path in texts]
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    return tuple(
        metadata.schema.column(i).path
        for i in leaves
        if all(_repeats(group.column(i)) for group in groups if group.num_rows)
    )


def _repeats(chunk: Any) -> bool:
    if not chunk.has_dictionary_page:
        return False
    size = chunk.data_page_offset - chunk.dictionary_page_offset
    statistics = chunk.statistics
    constant = statistics and statistics.has_min_max and statistics.min == statistics.max
    return 0 < size <= min(_MAX_DICTIONARY, chunk.num_values) and not constant
