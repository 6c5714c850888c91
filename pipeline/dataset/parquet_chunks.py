"""Which columns of a Parquet file repeat few values, as far as its footer tells.

No page is opened: a few hundred bytes of one can unpack to hundreds of megabytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.dataset.compact_thrift import parse_struct

# The ids of the fields in parquet.thrift (apache/parquet-format).
_ROW_GROUPS = 4
_COLUMN_CHUNKS = 1
_METADATA = 3
_PATH, _VALUES, _DATA_PAGE, _DICTIONARY_PAGE, _STATISTICS = 3, 5, 9, 11, 12
_MAX, _MIN, _MAX_VALUE, _MIN_VALUE = 1, 2, 5, 6

_MAX_DICTIONARY = 1024
"""Bytes of a dictionary page, packed: some dozens of values of some letters."""


@dataclass(frozen=True)
class _Chunk:
    """One column in one row group; without a dictionary or statistics, 0 bytes and None."""

    values: int
    dictionary_bytes: int
    minimum: bytes | None
    maximum: bytes | None


def repeating_columns(footer: bytes, names: Iterable[str]) -> tuple[str, ...]:
    """Those of the columns `names` that have at least two values, and few for their many rows.

    Raises ValueError, TypeError or AttributeError when the footer is damaged.
    """
    chunks: dict[str, list[_Chunk]] = {name: [] for name in names}
    for group in parse_struct(footer).get(_ROW_GROUPS, []):
        for column in group.get(_COLUMN_CHUNKS, []):
            metadata = column.get(_METADATA, {})
            path = [part.decode() for part in metadata.get(_PATH, [])]
            if len(path) == 1 and path[0] in chunks and metadata.get(_VALUES, 0) > 0:
                chunks[path[0]].append(_chunk(metadata))
    return tuple(name for name, of_column in chunks.items() if _repeats(of_column))


def _chunk(metadata: dict[int, Any]) -> _Chunk:
    """The dictionary page lies between its own offset and that of the first data page."""
    statistics = metadata.get(_STATISTICS, {})
    dictionary = metadata.get(_DICTIONARY_PAGE, 0)
    return _Chunk(
        values=metadata[_VALUES],
        dictionary_bytes=metadata.get(_DATA_PAGE, 0) - dictionary if dictionary else 0,
        minimum=statistics.get(_MIN_VALUE, statistics.get(_MIN)),
        maximum=statistics.get(_MAX_VALUE, statistics.get(_MAX)),
    )


def _repeats(chunks: Sequence[_Chunk]) -> bool:
    sizes = [chunk.dictionary_bytes for chunk in chunks]
    few = all(0 < size <= _MAX_DICTIONARY for size in sizes)
    many_rows = sum(chunk.values for chunk in chunks) >= sum(sizes)
    return bool(chunks) and few and many_rows and not _is_constant(chunks)


def _is_constant(chunks: Sequence[_Chunk]) -> bool:
    extremes = {extreme for chunk in chunks for extreme in (chunk.minimum, chunk.maximum)}
    return len(extremes) == 1 and None not in extremes
