"""A JSON Lines dataset as record batches: bad lines aside, types widened where they must be.

pyarrow parses whole blocks. A block that it refuses, and every block of a dataset with nested
columns, goes through Python line by line, which knows the lines and can keep some aside.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow
import pyarrow.json

from contracts.manifest import Manifest, SourceObject
from gpu_jobs.errors import MisfitError, RejectedError
from gpu_jobs.json_lines import BadLineError, convert, fits, parse_line, type_of
from gpu_jobs.quarantine import MAX_TEXT, BadRow, Quarantine
from gpu_jobs.text_stream import BLOCK_BYTES, OpenText
from gpu_jobs.text_types import text_types


@dataclass(frozen=True)
class Block:
    """Whole lines of a file; `first_line` counts from 1, `offset` in bytes."""

    source: SourceObject
    text: bytes
    first_line: int
    offset: int


class JsonReader:
    """`types` is what the batches hold; `warnings` what the owner of the dataset should know."""

    def __init__(self, manifest: Manifest, open_text: OpenText, quarantine: Quarantine) -> None:
        self._manifest = manifest
        self._open_text = open_text
        self._quarantine = quarantine
        self._is_nested = any(column.type in ("struct", "list") for column in manifest.columns)
        self.types = text_types(manifest)
        self.warnings: list[str] = []

    def batches(self) -> Iterator[Any]:
        """All rows of all files in order. Raises MisfitError, RejectedError."""
        self._quarantine.clear()
        for block in self._blocks():
            yield from self._parse(block)

    def widen(self) -> None:
        """Read every line; make text of columns that do not fit, add columns that come late."""
        before = dict(self.types)
        for block in self._blocks():
            for number, line in _lines(block):
                try:
                    row = parse_line(line)
                except BadLineError:
                    continue
                for name, value in row.items():
                    self._widen(name, value, f"line {number} of {block.source.key}")
        if before == self.types:
            raise RuntimeError("the parser refused a value that fits its column's type")

    def _widen(self, name: str, value: Any, place: str) -> None:
        if name not in self.types:
            self.types[name] = type_of(value)
            self.warnings.append(
                f"Column {name!r} first stands in {place}, behind the sample that was examined: "
                "kept, and not normalized."
            )
        elif not fits(value, self.types[name]):
            self.types[name] = pyarrow.string()
            self.warnings.append(
                f"Column {name!r} is read as text, and not normalized: "
                f"{convert(value, pyarrow.string())[:40]!r} stands in {place}."
            )

    def _blocks(self) -> Iterator[Block]:
        for source in self._manifest.files:
            yield from _blocks(source, self._open_text(source))

    def _parse(self, block: Block) -> Iterator[Any]:
        if not self._is_nested:
            try:
                yield from self._parse_block(block)
                return
            except pyarrow.ArrowInvalid:
                pass  # the lines will tell what is wrong
        yield self._parse_lines(block)

    def _parse_block(self, block: Block) -> list[Any]:
        table = pyarrow.json.read_json(
            pyarrow.BufferReader(block.text),
            parse_options=pyarrow.json.ParseOptions(
                explicit_schema=pyarrow.schema(list(self.types.items())),
                # "infer" would end the process on deeply nested values.
                unexpected_field_behavior="error",
            ),
        )
        # Parsing takes any bytes for text.
        table.validate(full=True)
        batches: list[Any] = table.combine_chunks().to_batches()
        return batches

    def _parse_lines(self, block: Block) -> Any:
        columns: dict[str, list[Any]] = {name: [] for name in self.types}
        bad = []
        for number, line in _lines(block):
            try:
                row = parse_line(line)
            except BadLineError as error:
                bad.append(BadRow(block.source.key, number, str(error), line[:MAX_TEXT]))
                continue
            if not row.keys() <= columns.keys():
                raise MisfitError(f"new columns in line {number}")
            for name, type_ in self.types.items():
                value = row.get(name)
                if not fits(value, type_):
                    raise MisfitError(f"column {name!r} in line {number}")
                columns[name].append(convert(value, type_))
        self._quarantine.add(bad)
        arrays = [pyarrow.array(columns[name], type_) for name, type_ in self.types.items()]
        return pyarrow.RecordBatch.from_arrays(arrays, list(self.types))


def _blocks(source: SourceObject, text: Any) -> Iterator[Block]:
    """The text in blocks of whole lines. Raises RejectedError for an endless line."""
    rest = b""
    line, offset = 1, 0
    while True:
        chunk = text.read(BLOCK_BYTES)
        whole, newline, partial = chunk.rpartition(b"\n")
        if chunk and not newline:
            rest += chunk
            if len(rest) > BLOCK_BYTES:
                raise RejectedError(
                    "row_too_large",
                    f"A line is longer than {BLOCK_BYTES >> 20} MiB. Put each object on a line of "
                    "its own, and leave large values out.",
                    f"line {line} of {source.key}",
                )
            continue
        block = rest + whole + newline if chunk else rest
        if block:
            yield Block(source, block, line, offset)
        if not chunk:
            return
        line += block.count(b"\n")
        offset += len(block)
        rest = partial


def _lines(block: Block) -> Iterator[tuple[int, str]]:
    """The lines that are not blank, with their numbers. Raises RejectedError when not UTF-8."""
    offset = block.offset
    for number, line in enumerate(block.text.splitlines(keepends=True), block.first_line):
        try:
            text = line.decode().strip()
        except UnicodeDecodeError as error:
            raise RejectedError(
                "encoding",
                "The text is not UTF-8. If it is Latin-1 or Windows-1252, "
                "`iconv -f WINDOWS-1252 -t UTF-8` converts it.",
                f"byte {offset + error.start} of {block.source.key}",
            ) from error
        if offset == 0:
            text = text.removeprefix("\ufeff")
        offset += len(line)
        if text:
            yield number, text
