"""The rows of a dataset, twice: once to measure them, once to transform them.

Text is parsed in the first pass only and laid down in a columnar scratch file for the second;
Parquet is columnar already and is read twice from its local copy.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import pyarrow

from contracts.manifest import Format, Manifest, SourceObject
from gpu_jobs.csv_reader import CsvReader
from gpu_jobs.json_reader import JsonReader
from gpu_jobs.objects import ObjectStream
from gpu_jobs.parquet_reader import ParquetReader
from gpu_jobs.quarantine import Quarantine
from gpu_jobs.text_stream import TextStream


class Dataset(Protocol):
    """`normalize` names the columns that are still numbers; it may shrink by `widen`."""

    @property
    def normalize(self) -> tuple[str, ...]: ...

    @property
    def warnings(self) -> list[str]: ...

    def first_pass(self) -> Iterator[Any]:
        """The rows, from the source. Raises RejectedError; MisfitError: `widen`, begin again."""

    def widen(self) -> None:
        """Find out, by reading everything, which types the columns really have."""

    def second_pass(self) -> Iterator[Any]:
        """The same rows again, after a first pass that came to its end."""


def open_dataset(manifest: Manifest, s3: Any, folder: Path, quarantine: Quarantine) -> Dataset:
    """The dataset that `manifest` names. `folder` takes its scratch files."""

    def open_object(source: SourceObject) -> ObjectStream:
        return ObjectStream(s3, manifest.bucket, source)

    def open_text(source: SourceObject, ending: bytes = b"") -> TextStream:
        return TextStream(open_object(source), source.compression, source.key, ending)

    if manifest.format is Format.PARQUET:
        return ParquetDataset(manifest, ParquetReader(manifest, open_object, folder))
    kind = CsvReader if manifest.format is Format.CSV else JsonReader
    return TextDataset(manifest, kind(manifest, open_text, quarantine), folder / "rows.arrow")


class TextDataset:
    """CSV or JSON Lines."""

    def __init__(self, manifest: Manifest, reader: CsvReader | JsonReader, scratch: Path) -> None:
        self._manifest = manifest
        self._reader = reader
        self._scratch = scratch

    @property
    def normalize(self) -> tuple[str, ...]:
        types = self._reader.types
        return tuple(n for n in self._manifest.normalize if types[n] != pyarrow.string())

    @property
    def warnings(self) -> list[str]:
        return self._reader.warnings

    def first_pass(self) -> Iterator[Any]:
        schema = pyarrow.schema(list(self._reader.types.items()))
        with (
            pyarrow.OSFile(str(self._scratch), "wb") as file,
            pyarrow.ipc.new_stream(file, schema) as scratch,
        ):
            for batch in self._reader.batches():
                scratch.write_batch(batch)
                yield batch

    def widen(self) -> None:
        self._reader.widen()

    def second_pass(self) -> Iterator[Any]:
        # Not memory-mapped: mapped pages would count as the process's memory.
        with pyarrow.OSFile(str(self._scratch)) as file:
            yield from pyarrow.ipc.open_stream(file)


class ParquetDataset:
    """Parquet; its types are those that the files state, so there is nothing to widen."""

    def __init__(self, manifest: Manifest, reader: ParquetReader) -> None:
        self.normalize = manifest.normalize
        self.warnings: list[str] = []
        self._reader = reader

    def first_pass(self) -> Iterator[Any]:
        return self._reader.batches()

    def widen(self) -> None:
        raise RuntimeError("Parquet states its types, so that nothing can misfit")

    def second_pass(self) -> Iterator[Any]:
        return self._reader.batches()
