"""A CSV dataset as record batches: ragged rows aside, types widened where they must be."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow

from contracts.manifest import Manifest
from gpu_jobs.csv_file import CsvFile
from gpu_jobs.quarantine import BadRow, Quarantine
from gpu_jobs.text_stream import OpenText
from gpu_jobs.text_types import first_misfit, text_types


class CsvReader:
    """`types` is what the batches hold; `warnings` what the owner of the dataset should know."""

    def __init__(self, manifest: Manifest, open_text: OpenText, quarantine: Quarantine) -> None:
        self._manifest = manifest
        self._open_text = open_text
        self._quarantine = quarantine
        self.types = text_types(manifest)
        self.warnings: list[str] = []

    def batches(self) -> Iterator[Any]:
        """All rows of all files in order. Raises MisfitError, RejectedError."""
        self._quarantine.clear()
        for source in self._manifest.files:
            file = self._open(source)
            for batch in file.batches(self.types):
                self._keep_aside(source.key, file)
                yield batch
            self._keep_aside(source.key, file)

    def widen(self) -> None:
        """Read everything as text and make text of the columns whose cells do not fit."""
        doubtful = {name: type_ for name, type_ in self.types.items() if type_ != pyarrow.string()}
        as_text = dict.fromkeys(self.types, pyarrow.string())
        misfits = 0
        for source in self._manifest.files:
            file = self._open(source)
            found: dict[str, tuple[int, str]] = {}
            rows = 0
            for batch in file.batches(as_text):
                for name in [name for name in doubtful if name not in found]:
                    index = first_misfit(batch[name], doubtful[name])
                    if index is not None:
                        found[name] = (rows + index, batch[name][index].as_py())
                rows += batch.num_rows
                file.take_ragged()
            for name, (row, cell) in sorted(found.items(), key=lambda item: item[1][0]):
                self._make_text(name, cell, file.place(file.record_of(row)))
                del doubtful[name]
            misfits += len(found)
        if not misfits:
            raise RuntimeError("the parser refused a cell that fits its column's type")

    def _open(self, source: Any) -> CsvFile:
        assert self._manifest.delimiter is not None
        return CsvFile(source, self._open_text, self._manifest.delimiter)

    def _make_text(self, name: str, cell: str, place: str) -> None:
        self.types[name] = pyarrow.string()
        self.warnings.append(
            f"Column {name!r} is read as text, and not normalized: {cell[:40]!r} stands in {place}."
        )

    def _keep_aside(self, key: str, file: CsvFile) -> None:
        self._quarantine.add(
            BadRow(key, file.lines.line(row.record, row.text), row.reason, row.text)
            for row in file.take_ragged()
        )
