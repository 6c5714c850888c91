"""A Parquet dataset as record batches, from local copies of its files."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet

from contracts.manifest import Manifest, SourceObject
from gpu_jobs.errors import RejectedError
from gpu_jobs.objects import ObjectStream

BATCH_ROWS = 65_536
BATCH_CELLS = 4 << 20
"""A batch ends at whichever comes first, so that wide rows stay within bounds too."""

OpenObject = Callable[[SourceObject], ObjectStream]
"""The bytes of a source from its start."""


class ParquetReader:
    """Reads each object once from S3 into `folder`, and from there as often as it is asked.

    Columns to normalize come as double, all others as they are.
    """

    def __init__(self, manifest: Manifest, open_object: OpenObject, folder: Path) -> None:
        self._manifest = manifest
        self._normalize = frozenset(manifest.normalize)
        self._open_object = open_object
        self._folder = folder
        self._batch_rows = max(1, min(BATCH_ROWS, BATCH_CELLS // len(manifest.columns)))

    def batches(self) -> Iterator[Any]:
        """All rows of all files in order. Raises RejectedError."""
        for index, source in enumerate(self._manifest.files):
            path = self._folder / f"source-{index:05d}.parquet"
            if not path.exists():
                self._copy(source, path)
            yield from self._rows(source, path)

    def _copy(self, source: SourceObject, path: Path) -> None:
        with self._open_object(source) as stream, path.open("wb") as file:
            shutil.copyfileobj(stream, file, 1 << 20)

    def _rows(self, source: SourceObject, path: Path) -> Iterator[Any]:
        place = source.key
        try:
            with pyarrow.parquet.ParquetFile(path, page_checksum_verification=True) as file:
                self._check_columns(source, file.schema_arrow)
                for group in range(file.num_row_groups):
                    place = f"row group {group} of {source.key}"
                    for batch in file.iter_batches(self._batch_rows, row_groups=[group]):
                        yield self._read_as_double(batch)
        except (OSError, pyarrow.ArrowInvalid) as error:
            raise RejectedError(
                "corrupt_parquet",
                f"The file is damaged ({error}). Write and upload it again.",
                place,
            ) from error

    def _check_columns(self, source: SourceObject, schema: Any) -> None:
        found = [(field.name, str(field.type)) for field in schema]
        expected = [(column.name, column.type) for column in self._manifest.columns]
        if found != expected:
            raise RejectedError(
                "schema_mismatch",
                f"The columns are {found}, and {expected} were validated. All files of a folder "
                "need the same columns.",
                source.key,
            )

    def _read_as_double(self, batch: Any) -> Any:
        """The batch with the columns to normalize as double, rounded where they are wider.

        The schema is made anew, since files may differ in nullability and metadata.
        """
        names = batch.schema.names
        arrays = [
            cells.cast(pyarrow.float64(), safe=False) if name in self._normalize else cells
            for name, cells in zip(names, batch.columns, strict=True)
        ]
        return pyarrow.RecordBatch.from_arrays(arrays, names)
