"""A Parquet dataset as record batches, from local copies of its files."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
from pyarrow import types

from contracts.manifest import Manifest, SourceObject, type_name
from contracts.wording import quoted
from gpu_jobs.arrays import EXACT_DIGITS, decimal_to_double
from gpu_jobs.errors import RejectedError
from gpu_jobs.readers.column_check import check_names, mismatch
from gpu_jobs.readers.parquet_dictionaries import (
    as_indices,
    dictionaries,
    spelled_out,
    text_columns,
    with_dictionary,
)
from gpu_jobs.readers.parquet_file import LocalParquet
from gpu_jobs.workers import workers

BATCH_ROWS = 131_072
BATCH_BYTES = 16 << 20
"""A batch ends at whichever comes first, so that wide and long rows stay within bounds too."""

MOST_BATCH_BYTES = 64 << 20
"""What a batch takes at most, should every value from a dictionary be its longest one."""

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
    categories with indices of 32 bits, text that repeats as indices too, all others as they are.
    One that is of type null in some of the files has its type of the rest.
    """

    def __init__(self, manifest: Manifest, fetch: Fetch, folder: Path) -> None:
        self._manifest = manifest
        self._expected = {column.name: type_name(column.type) for column in manifest.columns}
        self._fetch = fetch
        self._folder = folder
        # The footer of many row groups takes longer to parse than one of them does to decode.
        self._metadata = functools.lru_cache(workers() + 2)(pyarrow.parquet.read_metadata)

    def row_groups(self) -> Iterator[RowGroup]:
        """All rows of all files in order. Raises RejectedError."""
        column_types = self._batch_types
        for index, source in enumerate(self._manifest.files):
            with self._open(index) as file, _readable(f"row group 0 of {source.key}"):
                metadata = file.metadata
                row_bytes = _row_bytes(file, column_types)
            for group in range(metadata.num_row_groups):
                rows = metadata.row_group(group).num_rows
                encoded = metadata.row_group(group).total_byte_size
                yield RowGroup(
                    key=source.key,
                    path=self._path(index),
                    group=group,
                    start=0,
                    rows=rows,
                    nbytes=max(encoded, int((rows + 8) * row_bytes)),
                    row_bytes=math.ceil(row_bytes),
                    types=column_types,
                    read_metadata=self._metadata,
                )

    @functools.cached_property
    def _batch_types(self) -> dict[str, Any]:
        """The types of the batches, as the first row group suggests them."""
        column_types = self.types
        with self._open(0) as file, _readable(f"row group 0 of {self._manifest.files[0].key}"):
            if not file.metadata.num_row_groups:
                return column_types
            text = text_columns(column_types)
            found = dictionaries(self._local(0), 0, text)
        return column_types | {
            name: as_indices(dictionary.value_type)
            for name, dictionary in found.items()
            if dictionary.is_short and not types.is_dictionary(column_types[name])
        }

    @functools.cached_property
    def types(self) -> dict[str, Any]:
        """The types of the columns, where text that repeats is text like any other.

        The manifest has only their names, so they come from the files, as far as they are needed.
        """
        found = dict.fromkeys(self._expected, _NULL)
        for index in range(len(self._manifest.files)):
            with self._open(index) as file:
                schema = file.schema_arrow
            found |= {field.name: field.type for field in schema if found[field.name] == _NULL}
            if {name: type_name(type_) for name, type_ in found.items()} == self._expected:
                break
        for name, type_ in found.items():
            if types.is_dictionary(type_):
                found[name] = as_indices(type_.value_type, type_.ordered)
        return found | dict.fromkeys(self._manifest.normalize, pyarrow.float64())

    @contextmanager
    def _open(self, index: int) -> Iterator[Any]:
        """The file, fetched first when it has not been."""
        source = self._manifest.files[index]
        path = self._path(index)
        fetched = not path.exists()
        if fetched:
            self._fetch(source, path)
        with _readable(source.key), self._local(index).open() as file:
            schema = file.schema_arrow
            self._check_columns(source, schema)
            text = text_columns(dict(zip(schema.names, schema.types, strict=True)))
            if fetched and text:
                # Of an encrypted column this fails, where pyarrow's metadata, which is asked of
                # text alone, would end the process. So would a batch of no columns of damaged
                # files.
                with _readable(f"row group 0 of {source.key}"):
                    next(file.iter_batches(1, columns=text, use_threads=False), None)
            yield file

    def _local(self, index: int) -> LocalParquet:
        path = self._path(index)
        return LocalParquet(path, self._metadata(path))

    def _path(self, index: int) -> Path:
        return self._folder / f"source-{index:05d}.parquet"

    def _check_columns(self, source: SourceObject, schema: Any) -> None:
        check_names(schema.names, list(self._expected), source.key)
        for field in schema:
            expected = self._expected[field.name]
            found = type_name(field.type)
            if field.type != _NULL and found != expected:
                raise mismatch(
                    f"Column {quoted(field.name)} is of type {quoted(found)}, and "
                    f"{quoted(expected)} was validated.",
                    source.key,
                )


@dataclass(frozen=True)
class RowGroup:
    """`rows` of a row group of the local copy at `path`, from `start` on, read whenever asked.

    `nbytes` is the size of the rows in memory, about, and `row_bytes` that of one. `read_metadata`
    gives a file's footer.
    """

    key: str
    path: Path
    group: int
    start: int
    rows: int
    nbytes: int
    row_bytes: int
    types: Mapping[str, Any]
    read_metadata: Callable[[Path], Any]

    def slice(self, start: int, rows: int) -> RowGroup:
        nbytes = self.nbytes * rows // self.rows
        return replace(self, start=self.start + start, rows=rows, nbytes=nbytes)

    def batches(self, columns: Collection[str] | None = None) -> Iterator[Any]:
        """The rows, of all columns or of these, on this thread alone. Raises RejectedError."""
        wanted = self.types if columns is None else columns
        column_types = {name: self.types[name] for name in wanted}
        with _readable(f"row group {self.group} of {self.key}"):
            local = LocalParquet(self.path, self.read_metadata(self.path))
            found = dictionaries(local, self.group, text_columns(column_types))
            indices = [
                name
                for name, dictionary in found.items()
                if dictionary.is_short and types.is_dictionary(column_types[name])
            ]
            longest = sum(found[name].longest for name in found if name not in indices)
            read, end = 0, self.start + self.rows
            with local.open(indices) as file:
                for batch in file.iter_batches(
                    self._batch_rows(longest),
                    row_groups=[self.group],
                    columns=columns,
                    use_threads=False,
                ):
                    before, read = read, read + batch.num_rows
                    if read > self.start:
                        rows = batch.slice(
                            max(0, self.start - before), end - max(before, self.start)
                        )
                        _check_text(rows)
                        yield _conform(rows, column_types)
                    if read >= end:
                        return
                    local.release()
            if read < end:
                raise pyarrow.ArrowInvalid(f"{end:,} rows are announced, and {read:,} are there")

    def _batch_rows(self, longest: int) -> int:
        """How many rows are no too large a batch, should each take `longest` bytes more."""
        most = MOST_BATCH_BYTES // (longest + self.row_bytes)
        fitting = BATCH_BYTES * self.rows // max(1, self.nbytes)
        return max(1, min(BATCH_ROWS, fitting, most))


def _check_text(batch: Any) -> None:
    """Raises ArrowInvalid for text that is not UTF-8, which Parquet does not look after."""
    for column in batch.columns:
        if not (types.is_primitive(column.type) or types.is_decimal(column.type)):
            column.validate(full=True)


def _row_bytes(file: Any, column_types: Mapping[str, Any]) -> float:
    """What a row of the file takes in memory: each value, and a bit that says it is there.

    Where the type does not say, the first rows do: the file tells only what the values take once
    encoded, and a dictionary has a long value once, however often it comes.
    """
    bits = 0
    unknown = []
    text = text_columns(column_types)
    indexed = with_dictionary(file.metadata, 0, text) if file.metadata.num_row_groups else ()
    for name, type_ in column_types.items():
        if types.is_dictionary(type_) and name in indexed:
            # A short dictionary takes less than a byte a row.
            bits += 1 + type_.bit_width + 8
            continue
        try:
            bits += 1 + spelled_out(type_).bit_width
        except ValueError:
            unknown.append(name)
    if not unknown:
        return bits / 8
    sample = next(file.iter_batches(SAMPLE_ROWS, columns=unknown, use_threads=False), None)
    return bits / 8 + (MARGIN * sample.nbytes / sample.num_rows if sample else 0)


@contextmanager
def _readable(place: str) -> Iterator[None]:
    """Translates what pyarrow says of a file that it cannot read."""
    try:
        yield
    except (
        OSError,
        pyarrow.ArrowInvalid,
        pyarrow.ArrowNotImplementedError,
        UnicodeDecodeError,  # of a column's name
    ) as error:
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
        if types.is_dictionary(type_) and not types.is_dictionary(found.type):
            return found.cast(type_.value_type).dictionary_encode()
        if types.is_decimal(found.type) and found.type.precision <= EXACT_DIGITS:
            if not types.is_decimal128(found.type):
                found = found.cast(pyarrow.decimal128(found.type.precision, found.type.scale))
            return decimal_to_double(found)
        return found.cast(type_, safe=False)

    arrays = [column(name, type_) for name, type_ in expected.items()]
    return pyarrow.RecordBatch.from_arrays(arrays, list(expected))
