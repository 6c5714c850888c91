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

    Batches have the columns of the first file, in the manifest's order. `warnings` is what the
    owner of the dataset should know.
    """

    def __init__(self, manifest: Manifest, open_object: OpenObject, folder: Path) -> None:
        self._manifest = manifest
        self._open_object = open_object
        self._folder = folder
        self._schema: Any = None
        self._batch_rows = max(1, min(BATCH_ROWS, BATCH_CELLS // len(manifest.columns)))
        self.warnings = [
            f"column {column.name!r} is nested ({column.type}); passed through, not normalized"
            for column in manifest.columns
            if column.type.startswith(
                ("struct<", "list<", "large_list<", "map<", "fixed_size_list<")
            )
        ]

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
                        yield self._conform(batch, source)
        except (OSError, pyarrow.ArrowInvalid) as error:
            raise RejectedError(
                "corrupt_parquet", f"the file cannot be read: {error}; write it again", place
            ) from error

    def _check_columns(self, source: SourceObject, schema: Any) -> None:
        expected = [column.name for column in self._manifest.columns]
        if sorted(schema.names) != sorted(expected):
            raise RejectedError(
                "columns_differ",
                f"the file has the columns {', '.join(schema.names)}; the dataset has "
                f"{', '.join(expected)}",
                source.key,
            )
        if self._schema is None:
            self._schema = pyarrow.schema([self._field(schema.field(name)) for name in expected])

    def _field(self, field: Any) -> Any:
        if field.name in self._manifest.normalize:
            return pyarrow.field(field.name, pyarrow.float64())
        return field.with_nullable(True)

    def _conform(self, batch: Any, source: SourceObject) -> Any:
        arrays = []
        for field in self._schema:
            array = batch.column(field.name)
            if array.type != field.type:
                # Whole numbers beyond 2^53 are rounded, as z-scores in float64 must.
                exact = field.name not in self._manifest.normalize
                array = self._cast(array, field, exact, source)
            arrays.append(array)
        return pyarrow.RecordBatch.from_arrays(arrays, schema=self._schema)

    def _cast(self, array: Any, field: Any, exact: bool, source: SourceObject) -> Any:
        try:
            return array.cast(field.type, safe=exact)
        except (pyarrow.ArrowInvalid, pyarrow.ArrowNotImplementedError) as error:
            raise RejectedError(
                "columns_differ",
                f"column {field.name!r} is {array.type} here and {field.type} in the first file",
                source.key,
            ) from error
