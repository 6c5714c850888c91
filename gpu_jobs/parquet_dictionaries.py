"""The dictionaries that a Parquet row group has for text and bytes.

A dictionary has a long value once, however often it comes, so neither the first rows of a row
group nor its encoded size tell what its rows take in memory. Where a dictionary is short, its
rows are better left as they are: indices into it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy
import pyarrow
import pyarrow.parquet
from pyarrow import types

READ_BYTES = 1 << 20

LONGEST_REPEATING = 256
"""Bytes of the longest value of a column that is left as indices: readers may spell it out."""

_TEXT = (pyarrow.string(), pyarrow.large_string(), pyarrow.string_view())
_BYTES = (pyarrow.binary(), pyarrow.large_binary(), pyarrow.binary_view())
_INDEXED = {"PLAIN", "PLAIN_DICTIONARY", "RLE", "RLE_DICTIONARY", "BIT_PACKED"}
"""The encodings of a column chunk of which pyarrow makes indices into a dictionary."""


def repeating(path: Path, metadata: Any, column_types: Mapping[str, Any]) -> dict[str, Any]:
    """The columns whose dictionary is short, and the type that they have as indices.

    Short is less than a byte for each row of the file's first row group, without long values.
    """
    if not metadata.num_row_groups:
        return {}
    found = _dictionaries(path, metadata, 0, column_types)
    most = metadata.row_group(0).num_rows
    return {
        name: pyarrow.dictionary(pyarrow.int32(), values.type)
        for name, values in found.items()
        if values.nbytes < most
        and _longest(values) <= LONGEST_REPEATING
        and name in indexed(metadata, 0, found)
    }


def with_wide_indices(type_: Any) -> Any:
    """The type, with indices for the values of all files if it is one of categories."""
    if not types.is_dictionary(type_):
        return type_
    return pyarrow.dictionary(pyarrow.int32(), type_.value_type, type_.ordered)


def spelled_out(type_: Any) -> Any:
    """The type of the values, where `type_` is that of indices into a dictionary."""
    return type_.value_type if types.is_dictionary(type_) else type_


def indexed(metadata: Any, group: int, columns: Iterable[str]) -> list[str]:
    """Those of `columns` that can be read as indices into the dictionary of the row group."""
    chunks = _chunks_with_dictionary(metadata, group)
    return [name for name in columns if name in chunks and chunks[name] <= _INDEXED]


def longest_values(path: Path, metadata: Any, group: int, column_types: Mapping[str, Any]) -> int:
    """The bytes of the longest values in the row group's dictionaries, one of each column."""
    found = _dictionaries(path, metadata, group, column_types)
    return sum(map(_longest, found.values()))


def _dictionaries(
    path: Path, metadata: Any, group: int, column_types: Mapping[str, Any]
) -> dict[str, Any]:
    """The values of the dictionaries of the columns of text or bytes, string or binary arrays."""
    chunks = _chunks_with_dictionary(metadata, group)
    names = [n for n, type_ in column_types.items() if n in chunks and type_ in (*_TEXT, *_BYTES)]
    if not names or not metadata.row_group(group).num_rows:
        return {}
    with pyarrow.parquet.ParquetFile(
        path, metadata=metadata, read_dictionary=names, buffer_size=READ_BYTES
    ) as file:
        batches = file.iter_batches(1, row_groups=[group], columns=names, use_threads=False)
        first = next(batches, None)
    if first is None:
        return {}
    columns = {name: first.column(name) for name in names}
    return {n: each.dictionary for n, each in columns.items() if types.is_dictionary(each.type)}


def _chunks_with_dictionary(metadata: Any, group: int) -> dict[str, set[str]]:
    """The encodings of the row group's column chunks that have a dictionary."""
    row_group = metadata.row_group(group)
    chunks = map(row_group.column, range(row_group.num_columns))
    return {c.path_in_schema: set(c.encodings) for c in chunks if c.has_dictionary_page}


def _longest(texts: Any) -> int:
    """The bytes of the longest of a string or binary array's values."""
    offsets = numpy.frombuffer(texts.buffers()[1], numpy.int32, len(texts) + 1, 4 * texts.offset)
    return int(numpy.diff(offsets).max(initial=0))
