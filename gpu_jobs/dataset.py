"""The rows of a dataset, twice: once in order, to measure them, once in chunks, to transform them.

Text is parsed in the first pass only: between the passes the first KEPT_BYTES of its rows stay in
memory, and the rest goes to a scratch file. Parquet is columnar already, and its local copy is
read twice: the columns that are measured in the first pass, all of them in the second.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol, TypeVar

import pyarrow

from contracts.manifest import Format, Manifest, SourceObject
from gpu_jobs.chunks import KEPT_BYTES, Chunk, InMemory, ScratchFile
from gpu_jobs.quarantine import Quarantine
from gpu_jobs.readers.csv_reader import CsvReader
from gpu_jobs.readers.json_reader import JsonReader
from gpu_jobs.readers.parquet_reader import Fetch, ParquetReader, RowGroup
from gpu_jobs.readers.text_stream import TextStream
from gpu_jobs.workers import in_order

Result = TypeVar("Result")

OpenObject = Callable[[SourceObject], io.RawIOBase]
"""The bytes of a source from its start."""


class Dataset(Protocol):
    """`normalize` names the columns that are still numbers; it may shrink by `widen`.

    `chunks` are all rows in order, after a first pass that came to its end; `scratch_bytes` is
    how much of them lies in a scratch file.
    """

    chunks: list[Chunk]
    scratch_bytes: int

    @property
    def normalize(self) -> tuple[str, ...]: ...

    @property
    def types(self) -> Mapping[str, Any]:
        """The columns' types; a batch may have text as a dictionary."""

    @property
    def warnings(self) -> list[str]: ...

    def first_pass(self, function: Callable[[Any], Result]) -> Iterator[Result]:
        """`function`, on all cores, of each record batch of the rows, in order.

        A batch has at least the columns to normalize and the one to group by.
        Raises RejectedError; MisfitError: `widen`, begin again.
        """

    def widen(self) -> None:
        """Find out, by reading everything, which types the columns really have."""


def dataset_of(
    manifest: Manifest,
    open_object: OpenObject,
    fetch: Fetch,
    folder: Path,
    quarantine: Quarantine,
) -> Dataset:
    """The dataset that `manifest` names, wherever `open_object` and `fetch` find its bytes."""

    def open_text(source: SourceObject, ending: bytes = b"") -> TextStream:
        return TextStream(open_object(source), source.compression, source.key, ending)

    if manifest.format is Format.PARQUET:
        return ParquetDataset(manifest, ParquetReader(manifest, fetch, folder))
    kind = CsvReader if manifest.format is Format.CSV else JsonReader
    return TextDataset(manifest, kind(manifest, open_text, quarantine), folder / "rows.arrow")


class TextDataset:
    """CSV or JSON Lines."""

    def __init__(self, manifest: Manifest, reader: CsvReader | JsonReader, scratch: Path) -> None:
        self.chunks: list[Chunk] = []
        self.scratch_bytes = 0
        self._manifest = manifest
        self._reader = reader
        self._scratch = scratch

    @property
    def normalize(self) -> tuple[str, ...]:
        return tuple(n for n in self._manifest.normalize if self.types[n] != pyarrow.string())

    @property
    def types(self) -> Mapping[str, Any]:
        return self._reader.types

    @property
    def warnings(self) -> list[str]:
        return self._reader.warnings

    def first_pass(self, function: Callable[[Any], Result]) -> Iterator[Result]:
        self.chunks = []
        size = 0
        schema = pyarrow.schema(list(self._reader.types.items()))
        with closing(ScratchFile(self._scratch, schema)) as scratch:
            for batch, result in self._reader.batches(lambda batch: (batch, function(batch))):
                size += batch.nbytes
                self.chunks.append(InMemory(batch) if size <= KEPT_BYTES else scratch.keep(batch))
                yield result
        self.scratch_bytes = self._scratch.stat().st_size if size > KEPT_BYTES else 0

    def widen(self) -> None:
        self._reader.widen()


class ParquetDataset:
    """Parquet; its types are those that the files state, so there is nothing to widen."""

    def __init__(self, manifest: Manifest, reader: ParquetReader) -> None:
        self.chunks: list[Chunk] = []
        self.scratch_bytes = 0
        self.normalize = manifest.normalize
        self.warnings: list[str] = []
        self._measured = {*manifest.normalize, *filter(None, [manifest.group_by])}
        self._reader = reader

    @property
    def types(self) -> Mapping[str, Any]:
        return self._reader.types

    def first_pass(self, function: Callable[[Any], Result]) -> Iterator[Result]:
        def read(row_group: RowGroup) -> tuple[RowGroup, list[Result]]:
            return row_group, [function(batch) for batch in row_group.batches(self._measured)]

        self.chunks = []
        for row_group, results in in_order(read, self._reader.row_groups()):
            self.chunks.append(row_group)
            yield from results

    def widen(self) -> None:
        raise RuntimeError("Parquet states its types, so that nothing can misfit")
