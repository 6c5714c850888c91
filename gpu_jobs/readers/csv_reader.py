"""A CSV dataset as record batches: ragged rows aside, types widened where they must be."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pyarrow

from contracts.manifest import Manifest
from gpu_jobs.quarantine import BadRow, Quarantine
from gpu_jobs.readers.column_check import text_warning
from gpu_jobs.readers.csv_file import CsvFile
from gpu_jobs.readers.text_stream import OpenText
from gpu_jobs.readers.text_types import (
    candidates,
    kept_columns,
    narrowed,
    narrowest,
    text_types,
)
from gpu_jobs.workers import unchanged


class CsvReader:
    """`types` is what the batches hold; `warnings` what the owner of the dataset should know."""

    def __init__(self, manifest: Manifest, open_text: OpenText, quarantine: Quarantine) -> None:
        self._manifest = manifest
        self._open_text = open_text
        self._quarantine = quarantine
        self.types = text_types(manifest)
        self.warnings: list[str] = []

    def batches(self, function: Callable[[Any], Any] = unchanged) -> Iterator[Any]:
        """`function`, on all cores, of each record batch of all files, in order.

        Raises MisfitError, RejectedError.
        """
        self._quarantine.clear()
        kept = kept_columns(self.types, self._manifest)
        for source in self._manifest.files:
            file = self._open(source)
            for result in file.batches(self.types, function, kept):
                self._keep_aside(source.key, file)
                yield result
            self._keep_aside(source.key, file)

    def widen(self) -> None:
        """Read everything as text and widen the columns whose cells do not fit.

        Numbers that pass through become int64 or double if either keeps them as they are written;
        every other column becomes text.
        """
        self._quarantine.clear()
        before = self.types
        as_text = dict.fromkeys(before, pyarrow.string())
        kept = kept_columns(before, self._manifest)
        left = {name: candidates(type_, name in kept) for name, type_ in before.items()}
        for source in self._manifest.files:
            file = self._open(source)
            found: dict[str, tuple[int, str]] = {}
            rows = 0
            for batch in file.batches(as_text):
                for name in [name for name in left if left[name]]:
                    left[name], index = narrowed(batch[name], left[name])
                    if not left[name]:
                        found[name] = (rows + index, batch[name][index].as_py())
                rows += batch.num_rows
                file.take_ragged()
            for name, (row, cell) in sorted(found.items(), key=lambda item: item[1][0]):
                place = file.place(file.record_of(row))
                is_number = name in kept and _is_number(cell)
                self.warnings.append(text_warning(self._manifest, name, cell, place, is_number))
        self.types = {name: narrowest(left[name]) for name in before}
        if self.types == before:
            raise RuntimeError("the parser refused a cell that fits its column's type")

    def _open(self, source: Any) -> CsvFile:
        assert self._manifest.delimiter is not None
        return CsvFile(source, self._open_text, self._manifest.delimiter)

    def _keep_aside(self, key: str, file: CsvFile) -> None:
        self._quarantine.add(
            BadRow(key, file.lines.line(row.record, row.text), row.reason, row.text)
            for row in file.take_ragged()
        )


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
