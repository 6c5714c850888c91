"""A Parquet dataset as record batches, from local copies of its files."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy
import pyarrow
import pyarrow.parquet
from pyarrow import types

from contracts.manifest import Manifest, SourceObject
from gpu_jobs.arrays import EXACT_DIGITS, decimal_to_double
from gpu_jobs.column_check import check_names, mismatch
from gpu_jobs.errors import RejectedError
from gpu_jobs.wording import quoted

BATCH_ROWS = 131_072
BATCH_BYTES = 16 << 20
"""A batch ends at whichever comes first, so that wide and long rows stay within bounds too."""

MOST_BATCH_BYTES = 64 << 20
"""What a batch takes at most, should every value from a dictionary be its longest one."""

READ_BYTES = 1 << 20
READ_BYTES_IN_ALL = 32 << 20
"""How much of a column is read from disk at a time, and of all columns together."""

SAMPLE_ROWS = 128
"""How many rows of a file tell what its values without a fixed size take in memory."""

MARGIN = 1.25
"""By how much the other rows may exceed the first ones, as a rule."""

_NULL = pyarrow.null()

Fetch = Callable[[SourceObject, Path], None]
"""Makes a file of that path of the source's bytes."""


class ParquetReader:
    """Fetches each object once into `folder`, and reads it there as often as it is asked.

    Columns come in the manifest's order, whatever the files' is: those to normalize as double,
    all others as they are. One that is of type null in some of the files has its type of the rest.
    """

    def __init__(self, manifest: Manifest, fetch: Fetch, folder: Path) -> None:
        self._manifest = manifest
        self._expected = {column.name: column.type for column in manifest.columns}
        self._fetch = fetch
        self._folder = folder

    def row_groups(self) -> Iterator[RowGroup]:
        """All rows of all files in order. Raises RejectedError."""
        column_types = self._types
        for index, source in enumerate(self._manifest.files):
            with self._open(index) as file, _readable(f"row group 0 of {source.key}"):
                metadata = file.metadata
                row_bytes = _row_bytes(file, column_types)
            for group in range(metadata.num_row_groups):
                rows = metadata.row_group(group).num_rows
                encoded = metadata.row_group(group).total_byte_size
                with _readable(f"row group {group} of {source.key}"):
                    longest = _longest_values(self._path(index), metadata, group, column_types)
                yield RowGroup(
                    key=source.key,
                    path=self._path(index),
                    group=group,
                    rows=rows,
                    nbytes=max(encoded, int((rows + 8) * row_bytes)),
                    most_rows=MOST_BATCH_BYTES // (longest + math.ceil(row_bytes)),
                    types=column_types,
                    metadata=metadata,
                )

    @functools.cached_property
    def _types(self) -> dict[str, Any]:
        """The types of the batches.

        The manifest has only their names, so they come from the files, as far as they are needed.
        """
        found = dict.fromkeys(self._expected, _NULL)
        for index in range(len(self._manifest.files)):
            with self._open(index) as file:
                schema = file.schema_arrow
            found |= {field.name: field.type for field in schema if found[field.name] == _NULL}
            if {name: str(type_) for name, type_ in found.items()} == self._expected:
                break
        return found | dict.fromkeys(self._manifest.normalize, pyarrow.float64())

    def _open(self, index: int) -> Any:
        """The file, fetched first when it has not been."""
        source = self._manifest.files[index]
        path = self._path(index)
        if not path.exists():
            self._fetch(source, path)
        with _readable(source.key):
            file = _parquet_file(path, len(self._expected))
        self._check_columns(source, file.schema_arrow)
        return file

    def _path(self, index: int) -> Path:
        return self._folder / f"source-{index:05d}.parquet"

    def _check_columns(self, source: SourceObject, schema: Any) -> None:
        check_names(schema.names, list(self._expected), source.key)
        for field in schema:
            expected = self._expected[field.name]
            if field.type != _NULL and str(field.type) != expected:
                raise mismatch(
                    f"Column {quoted(field.name)} is of type {quoted(str(field.type))}, and "
                    f"{quoted(expected)} was validated.",
                    source.key,
                )


@dataclass(frozen=True)
class RowGroup:
    """One row group of the local copy at `path`, to be read as often as it is asked.

    `nbytes` is the size of its rows in memory, about; of `most_rows` none is too large a batch,
    however they are spread. `metadata` is the file's, None when it is to
    be read again. Text that `is_checked` was found to be UTF-8 before.
    """

    key: str
    path: Path
    group: int
    rows: int
    nbytes: int
    most_rows: int
    types: Mapping[str, Any]
    metadata: Any = None
    is_checked: bool = False

    def batches(self, columns: Collection[str] | None = None) -> Iterator[Any]:
        """The rows, of all columns or of these, on this thread alone. Raises RejectedError."""
        column_types = {name: self.types[name] for name in columns or self.types}
        fitting = BATCH_BYTES * self.rows // max(1, self.nbytes)
        batch_rows = max(1, min(BATCH_ROWS, fitting, self.most_rows))
        with (
            _readable(f"row group {self.group} of {self.key}"),
            _parquet_file(self.path, len(self.types), self.metadata) as file,
        ):
            found = 0
            for batch in file.iter_batches(
                batch_rows, row_groups=[self.group], columns=columns, use_threads=False
            ):
                found += batch.num_rows
                if not self.is_checked:
                    _check_text(batch)
                yield _conform(batch, column_types)
            if found != self.rows:
                raise pyarrow.ArrowInvalid(
                    f"{self.rows:,} rows are announced, and {found:,} are there"
                )


def _check_text(batch: Any) -> None:
    """Raises ArrowInvalid for text that is not UTF-8, which Parquet does not look after."""
    for column in batch.columns:
        if not (types.is_primitive(column.type) or types.is_decimal(column.type)):
            column.validate(full=True)


def _parquet_file(path: Path, columns: int, metadata: Any = None) -> Any:
    return pyarrow.parquet.ParquetFile(
        path,
        metadata=metadata,
        # Else the bytes of a whole row group would be in memory.
        pre_buffer=False,
        buffer_size=min(READ_BYTES, READ_BYTES_IN_ALL // max(1, columns)),
        page_checksum_verification=True,
    )


def _row_bytes(file: Any, column_types: Mapping[str, Any]) -> float:
    """What a row of the file takes in memory: each value, and a bit that says it is there.

    Where the type does not say, the first rows do: the file tells only what the values take once
    encoded, and a dictionary has a long value once, however often it comes.
    """
    bits = 0
    unknown = []
    for name, type_ in column_types.items():
        try:
            bits += 1 + type_.bit_width
        except ValueError:
            unknown.append(name)
    if not unknown:
        return bits / 8
    sample = next(file.iter_batches(SAMPLE_ROWS, columns=unknown, use_threads=False), None)
    return bits / 8 + (MARGIN * sample.nbytes / sample.num_rows if sample else 0)


def _longest_values(path: Path, metadata: Any, group: int, column_types: Mapping[str, Any]) -> int:
    """The bytes of the longest values that the row group's dictionaries have, one of each column.

    A dictionary has a long value once, so neither the first rows nor the encoded size tell of it.
    """
    row_group = metadata.row_group(group)
    chunks = map(row_group.column, range(row_group.num_columns))
    encoded = {chunk.path_in_schema for chunk in chunks if chunk.has_dictionary_page}
    names = [n for n, t in column_types.items() if n in encoded and _is_of_any_length(t)]
    if not names or not row_group.num_rows:
        return 0
    with pyarrow.parquet.ParquetFile(
        path, metadata=metadata, read_dictionary=names, buffer_size=READ_BYTES
    ) as file:
        batches = file.iter_batches(1, row_groups=[group], columns=names, use_threads=False)
        columns = first.columns if (first := next(batches, None)) else []
    dictionaries = (each.dictionary for each in columns if types.is_dictionary(each.type))
    return sum(map(_longest, dictionaries))


def _is_of_any_length(type_: Any) -> bool:
    """Text or bytes, whose dictionaries all come as string or binary."""
    return type_ in (
        *(pyarrow.string(), pyarrow.large_string(), pyarrow.string_view()),
        *(pyarrow.binary(), pyarrow.large_binary(), pyarrow.binary_view()),
    )


def _longest(texts: Any) -> int:
    """The bytes of the longest of a string or binary array's values."""
    offsets = numpy.frombuffer(texts.buffers()[1], numpy.int32, len(texts) + 1, 4 * texts.offset)
    return int(numpy.diff(offsets).max(initial=0))


@contextmanager
def _readable(place: str) -> Iterator[None]:
    """Translates what pyarrow says of a file that it cannot read."""
    try:
        yield
    except (OSError, pyarrow.ArrowInvalid, pyarrow.ArrowNotImplementedError) as error:
        # An unknown codec is an OSError like any damage, and only its message tells.
        told = " ".join(str(error).split())
        is_unsupported = any(word in told.lower() for word in ("support", "crypt"))
        if isinstance(error, pyarrow.ArrowNotImplementedError) or is_unsupported:
            raise RejectedError(
                "unsupported_parquet",
                f"The file cannot be read here ({told}). Write it with plain or dictionary "
                "encoding, with snappy, gzip or zstd and without encryption, and upload it again.",
                place,
            ) from error
        raise RejectedError(
            "corrupt_parquet",
            f"The file is damaged ({told}). Write and upload it again.",
            place,
        ) from error


def _conform(batch: Any, expected: Mapping[str, Any]) -> Any:
    """The columns of the batch as `expected`, rounded where they are wider than a double.

    The schema is made anew, since files may differ in nullability and metadata.
    """

    def column(name: str, type_: Any) -> Any:
        found = batch.column(name)
        if found.type == _NULL:
            return pyarrow.nulls(batch.num_rows, type_)
        if found.type == type_:
            return found
        if types.is_decimal128(found.type) and found.type.precision <= EXACT_DIGITS:
            return decimal_to_double(found)
        return found.cast(type_, safe=False)

    arrays = [column(name, type_) for name, type_ in expected.items()]
    return pyarrow.RecordBatch.from_arrays(arrays, list(expected))
