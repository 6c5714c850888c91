"""What the dictionaries that a Parquet row group has for text and bytes tell before it is read.

A dictionary has a long value once, however often it comes, so neither the first rows of a row
group nor its encoded size tell what its rows take in memory. Where a dictionary is short, its
rows are better left as they are: indices into it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy
import pyarrow
from pyarrow import types

from gpu_jobs.readers.parquet_file import LocalParquet

SHORT_BYTES = 128 << 10
"""A short dictionary takes less than this, and less than a byte for each row of its row group."""

LONGEST_OF_SHORT = 256
"""Bytes of its longest value: whoever reads what we write may spell all rows out."""

INDEX_BYTES, HEADER_BYTES = 5, 64 << 10
"""What pages of indices take at most, for each row and besides; text that was written out after
all takes more."""

READ_COLUMNS = 8
"""How many columns' dictionaries are in memory at a time."""

_TEXT = (pyarrow.string(), pyarrow.large_string(), pyarrow.string_view())
_BYTES = (pyarrow.binary(), pyarrow.large_binary(), pyarrow.binary_view())
_INDEXED = {"PLAIN", "PLAIN_DICTIONARY", "RLE", "RLE_DICTIONARY", "BIT_PACKED"}
"""The encodings of a column chunk of which pyarrow makes indices into a dictionary."""


@dataclass(frozen=True)
class Dictionary:
    """Of one column in one row group: the type of its values, and the bytes of the longest.

    When it `is_short`, the rows are better left as indices.
    """

    value_type: Any
    longest: int
    is_short: bool


def text_columns(column_types: Mapping[str, Any]) -> list[str]:
    """The columns of text or bytes, as such or as indices."""
    return [n for n, type_ in column_types.items() if spelled_out(type_) in (*_TEXT, *_BYTES)]


def spelled_out(type_: Any) -> Any:
    """The type of the values, where `type_` is that of indices into a dictionary."""
    return type_.value_type if types.is_dictionary(type_) else type_


def as_indices(value_type: Any, ordered: bool = False) -> Any:
    """The type of indices, wide enough for the values of all files."""
    return pyarrow.dictionary(pyarrow.int32(), value_type, ordered)


def with_dictionary(metadata: Any, group: int, columns: Iterable[str]) -> dict[str, Any]:
    """The column chunks of a row group, of these columns, that have a dictionary; by column."""
    wanted, schema, row_group = set(columns), metadata.schema, metadata.row_group(group)
    indices = (i for i in range(metadata.num_columns) if schema.column(i).path in wanted)
    chunks = map(row_group.column, indices)
    return {chunk.path_in_schema: chunk for chunk in chunks if chunk.has_dictionary_page}


def dictionaries(file: LocalParquet, group: int, columns: Sequence[str]) -> dict[str, Dictionary]:
    """What those of `columns`, which are text, have for dictionaries in the row group."""
    metadata = file.metadata
    rows = metadata.row_group(group).num_rows
    chunks = with_dictionary(metadata, group, columns) if rows and columns else {}
    found = {}
    for name, values in _values(file, group, [n for n in columns if n in chunks]):
        longest = _longest(values)
        is_short = (
            values.nbytes < min(rows, SHORT_BYTES)
            and longest <= LONGEST_OF_SHORT
            and chunks[name].total_uncompressed_size < INDEX_BYTES * rows + HEADER_BYTES
            and set(chunks[name].encodings) <= _INDEXED
        )
        found[name] = Dictionary(values.type, longest, is_short)
    return found


def _values(local: LocalParquet, group: int, columns: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """The values of each column's dictionary, as a string or binary array."""
    with local.open(columns) as file:
        for top in range(0, len(columns), READ_COLUMNS):
            names = columns[top : top + READ_COLUMNS]
            batches = file.iter_batches(1, row_groups=[group], columns=names, use_threads=False)
            first = next(batches, None)
            if first is None:
                return  # the rows that are announced are not there
            for name in names:
                column = first.column(name)
                if types.is_dictionary(column.type):
                    yield name, column.dictionary
            local.release()


def _longest(texts: Any) -> int:
    """The bytes of the longest of a string or binary array's values."""
    offsets = numpy.frombuffer(texts.buffers()[1], numpy.int32, len(texts) + 1, 4 * texts.offset)
    return int(numpy.diff(offsets).max(initial=0))
