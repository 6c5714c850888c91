"""Parquet: everything from the footer, so that no page is ever unpacked here."""

from __future__ import annotations

import os
from typing import Any

from contracts.manifest import Column, type_name
from contracts.wording import quoted
from pipeline.dataset.column_types import is_text
from pipeline.dataset.content import PARQUET_MAGIC
from pipeline.dataset.limits import READ_LIMIT, MiB
from pipeline.dataset.parquet_chunks import repeating_columns
from pipeline.dataset.problems import rejected
from pipeline.dataset.sample import File
from pipeline.dataset.table import Table, check_names
from pipeline.errors import InputRejected

_TAIL_BYTES = 8
_MAX_FOOTER = READ_LIMIT // 2


def describe(file: File, size: int) -> Table:
    """The table that the footer of a file of `size` bytes tells of. Raises InputRejected."""
    import pyarrow as pa

    footer = _read_footer(file, size)
    try:
        rows, table = _parse(footer)
    except (pa.ArrowException, OSError, ValueError, TypeError, AttributeError) as error:
        told = " ".join(str(error).split())
        raise rejected(
            "corrupt_parquet",
            f"The Parquet footer is damaged, or uses what is not read here ({told}). Write the "
            "file and upload it again.",
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
    columns = tuple(Column(field.name, type_name(field.type)) for field in parsed.schema_arrow)
    for field in parsed.schema_arrow:
        if has_empty_struct(field.type):
            raise rejected(
                "unsupported_parquet",
                f"Column {quoted(field.name)} has a struct without fields, which no reader here "
                "takes. Write the file without it and upload it again.",
                "schema",
            )
    texts = [column.name for column in columns if is_text(column.type)]
    groups = range(parsed.metadata.num_row_groups)
    rows = sum(parsed.metadata.row_group(group).num_rows for group in groups)
    return rows, Table(columns, repeating_columns(footer, texts))


def has_empty_struct(type_: Any) -> bool:
    """Whether the Arrow type is or holds a struct without fields."""
    import pyarrow.types as pt

    inner = [type_.field(index).type for index in range(type_.num_fields)]
    return (pt.is_struct(type_) and not inner) or any(map(has_empty_struct, inner))


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
