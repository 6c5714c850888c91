"""A JSON Lines dataset as record batches: bad lines aside, types widened where they must be.

pyarrow parses whole blocks. A block that it refuses, and every block of a dataset with nested
columns, goes through Python line by line, which knows the lines and can keep some aside.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow
import pyarrow.json

from contracts.manifest import MAX_COLUMNS, Manifest, SourceObject
from contracts.wording import quoted
from gpu_jobs.errors import MisfitError, RejectedError
from gpu_jobs.quarantine import MAX_TEXT, BadRow, Quarantine
from gpu_jobs.readers.column_check import text_warning
from gpu_jobs.readers.json_lines import BadLineError, convert, fits, parse_line
from gpu_jobs.readers.text_stream import BLOCK_BYTES, OpenText
from gpu_jobs.readers.text_types import (
    MAX_EXACT,
    UNSEEN,
    Candidate,
    candidates,
    kept_columns,
    narrowest,
    text_types,
)
from gpu_jobs.workers import in_order, unchanged

_LONG_INTEGER = re.compile(rb":\s*-?[0-9]{16,}\s*[,}]")


@dataclass(frozen=True)
class TextBlock:
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

    def batches(self, function: Callable[[Any], Any] = unchanged) -> Iterator[Any]:
        """`function`, on all cores, of each record batch of all files, in order.

        Raises MisfitError, RejectedError.
        """

        def parse(block: TextBlock) -> tuple[TextBlock, list[Any] | None]:
            batches = self._parse_block(block)
            return block, None if batches is None else list(map(function, batches))

        self._quarantine.clear()
        for block, results in in_order(parse, self._blocks()):
            yield from [function(self._parse_lines(block))] if results is None else results

    def widen(self) -> None:
        """Read every line; widen the columns that do not fit, add columns that come late.

        Numbers that pass through become int64 or double if either keeps all of them; every other
        column becomes text.
        """
        self._quarantine.clear()
        before = self.types
        kept = kept_columns(before, self._manifest)
        left = {name: candidates(type_, name in kept) for name, type_ in before.items()}
        for block in self._blocks():
            for number, line in _lines(block):
                try:
                    row = parse_line(line)
                except BadLineError:
                    continue
                for name, value in row.items():
                    self._narrow(left, name, value, f"line {number} of {block.source.key}")
        self.types = {name: narrowest(each) for name, each in left.items()}
        if self.types == before:
            raise RuntimeError("the parser refused a value that fits its column's type")

    def _narrow(
        self, left: dict[str, tuple[Candidate, ...]], name: str, value: Any, place: str
    ) -> None:
        if name not in left:
            if len(left) == MAX_COLUMNS:
                raise _too_many_columns(name, place)
            left[name] = UNSEEN
            self.warnings.append(
                f"Column {quoted(name)} first stands in {place}, behind the sample that was "
                "examined: kept, and not normalized."
            )
        known = left[name]
        left[name] = tuple(each for each in known if fits(value, each.type, each.kept))
        # A column that begins with text has not become it.
        if not left[name] and known not in ((), UNSEEN):
            cell = convert(value, pyarrow.string())
            is_number = type(value) in (int, float) and all(each.kept for each in known)
            self.warnings.append(text_warning(self._manifest, name, cell, place, is_number))

    def _blocks(self) -> Iterator[TextBlock]:
        for source in self._manifest.files:
            yield from _blocks(source, self._open_text(source))

    def _parse_block(self, block: TextBlock) -> list[Any] | None:
        """The batches of `block`; None when its lines have to tell what is wrong with it."""
        objects = _objects(block.text)
        # At a text that begins with null pyarrow ends the process.
        if self._is_nested or objects is None:
            return None
        try:
            table = pyarrow.json.read_json(
                pyarrow.BufferReader(block.text),
                read_options=pyarrow.json.ReadOptions(
                    use_threads=False, block_size=max(1, len(block.text))
                ),
                parse_options=pyarrow.json.ParseOptions(
                    explicit_schema=pyarrow.schema(list(self.types.items())),
                    # "infer" would end the process on deeply nested values.
                    unexpected_field_behavior="error",
                ),
            )
            # Parsing takes any bytes for text.
            table.validate(full=True)
            # Of several documents on a line pyarrow takes all, and of one on several lines too.
            if table.num_rows != objects or self._may_be_rounded(table, block.text):
                return None
        except pyarrow.ArrowInvalid:
            return None
        batches: list[Any] = table.combine_chunks().to_batches()
        return batches

    def _may_be_rounded(self, table: Any, text: bytes) -> bool:
        """Whether a double that has to be kept may be a whole number that was rounded."""
        # Imported where it is needed, since it takes longer than some jobs to compute.
        from pyarrow import compute

        kept = kept_columns(self.types, self._manifest)
        doubles = [table[name] for name in kept if self.types[name] == pyarrow.float64()]
        has_large = any(
            compute.any(compute.greater_equal(compute.abs(cells), float(MAX_EXACT))).as_py()
            for cells in doubles
        )
        return has_large and _LONG_INTEGER.search(text) is not None

    def _parse_lines(self, block: TextBlock) -> Any:
        columns: dict[str, list[Any]] = {name: [] for name in self.types}
        kept = kept_columns(self.types, self._manifest)
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
                if not fits(value, type_, name in kept):
                    raise MisfitError(f"column {name!r} in line {number}")
                columns[name].append(convert(value, type_))
        self._quarantine.add(bad)
        arrays = [pyarrow.array(columns[name], type_) for name, type_ in self.types.items()]
        return pyarrow.RecordBatch.from_arrays(arrays, list(self.types))


def _too_many_columns(name: str, place: str) -> RejectedError:
    return RejectedError(
        "too_many_columns",
        f"Column {quoted(name)} is one more than the {MAX_COLUMNS:,} that are worked with. Upload "
        "the columns of interest, or turn columns into rows.",
        place,
    )


def _blocks(source: SourceObject, text: Any) -> Iterator[TextBlock]:
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
            yield TextBlock(source, block, line, offset)
        if not chunk:
            return
        line += block.count(b"\n")
        offset += len(block)
        rest = partial


def _objects(text: bytes) -> int | None:
    """How many objects there are at least, one a line; None when one may lie across a line's end.

    No line of an object that lies across one both begins with a brace and ends with one.
    """
    framed = b"\n" + text.removesuffix(b"\n") + b"\n"
    lines = framed.count(b"\n") - 1
    if framed.count(b"\n{") == framed.count(b"}\n") == lines:
        return lines
    stripped = [line for line in map(bytes.strip, text.split(b"\n")) if line]
    is_whole = all(line.startswith(b"{") and line.endswith(b"}") for line in stripped)
    return len(stripped) if is_whole else None


def _lines(block: TextBlock) -> Iterator[tuple[int, str]]:
    """The lines that are not blank, with their numbers. Raises RejectedError when not UTF-8."""
    offset = block.offset
    for number, line in enumerate(block.text.split(b"\n"), block.first_line):
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
        offset += len(line) + 1
        if text:
            yield number, text
