"""What one file holds, decided by its content from its first bytes or its footer."""

from __future__ import annotations

from dataclasses import dataclass, replace

from contracts.manifest import Compression, Format
from pipeline.dataset import delimited, json_lines, parquet
from pipeline.dataset.content import (
    PARQUET_MAGIC,
    Content,
    name_warnings,
    refuse_foreign,
    text_format,
)
from pipeline.dataset.limits import SAMPLE_BYTES
from pipeline.dataset.problems import rejected
from pipeline.dataset.sample import File, Sample, decode, unpack
from pipeline.dataset.table import Table
from pipeline.errors import InputRejected

_PEEK = 1 << 16


@dataclass(frozen=True)
class Description:
    """How a file is to be read, and what columns it has."""

    content: Content
    table: Table


def describe(file: File, key: str, size: int, window: int = SAMPLE_BYTES) -> Description:
    """Look at a file of `size` bytes, not further than `window` if it is text with short rows.

    Raises InputRejected when it is nothing that can be worked with.
    """
    if not size:
        raise rejected("empty", "The file has no bytes. Upload one with data.")
    head = file.read(min(_PEEK, window))
    if head.startswith(PARQUET_MAGIC):
        content = Content(Format.PARQUET, Compression.NONE, None)
        description = Description(content, parquet.describe(file, size))
    else:
        head += file.read(window - len(head))
        description = _describe_text(head, file, size)
    table = description.table
    warnings = (*name_warnings(key, description.content), *table.warnings)
    return replace(description, table=replace(table, warnings=warnings))


def _describe_text(head: bytes, file: File, size: int) -> Description:
    """Look at the text that begins with `head`, and at more of it when it has long rows."""
    try:
        return _describe_sample(Sample(head, complete=len(head) >= size))
    except InputRejected as error:
        if error.problem.code != "row_too_large" or len(head) >= SAMPLE_BYTES:
            raise
        head += file.read(SAMPLE_BYTES - len(head))
    return _describe_sample(Sample(head, complete=len(head) >= size))


def _describe_sample(packed: Sample) -> Description:
    sample = unpack(packed)
    if not sample.data and sample.complete:
        raise rejected("empty", "The file has no bytes once unpacked. Upload one with data.")
    refuse_foreign(sample.data)
    text = decode(sample)
    if text_format(text.text) is Format.JSON_LINES:
        content = Content(Format.JSON_LINES, sample.compression, None)
        return Description(content, json_lines.describe(text))
    delimiter, table = delimited.describe(text)
    return Description(Content(Format.CSV, sample.compression, delimiter), table)
