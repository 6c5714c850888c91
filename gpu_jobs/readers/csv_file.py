"""One CSV file, with its bad rows and every way in which it can be broken."""

from __future__ import annotations

import codecs
import functools
import io
import secrets
from array import array
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any

from contracts.manifest import SourceObject
from gpu_jobs.errors import MisfitError, RejectedError
from gpu_jobs.readers.csv_lines import LineFinder
from gpu_jobs.readers.csv_parser import MAX_RAGGED_RUN, CsvParser, Parsed, RaggedRow
from gpu_jobs.readers.csv_records import Piece, pieces
from gpu_jobs.readers.text_stream import BLOCK_BYTES, OpenText, invalid_utf8_offset
from gpu_jobs.workers import in_order, unchanged

END = secrets.token_hex(16)
"""Begins the row that is put behind every text; no dataset knows it."""


class CsvFile:
    """One file of a CSV dataset, in one reading from start to end.

    It is parsed in pieces side by side as long as one can tell where records end, and in one go
    from there on. The text is followed by a row of its own with one field too many. When the
    parser has not met it as a row, the text ended within quotation marks, which pyarrow alone
    would not tell.
    """

    def __init__(self, source: SourceObject, open_text: OpenText, delimiter: str) -> None:
        self._source = source
        self._open_text = open_text
        self._delimiter = delimiter
        self._delivered = 0
        self._ragged_records = array("q")
        self._ragged: list[RaggedRow] = []

    def batches(
        self,
        types: Mapping[str, Any],
        function: Callable[[Any], Any] = unchanged,
        kept: Collection[str] = (),
    ) -> Iterator[Any]:
        """`function` of each record batch; ragged rows wait for `take_ragged` meanwhile.

        The batches' columns have the types and the order of `types`, whatever the header's is;
        `kept` are those whose numbers have to stay what is written.
        Raises MisfitError when a cell has not its column's type, RejectedError otherwise.
        """
        end = self._delimiter.join([END, *("\x1c" * len(types))])
        text = self._open_text(self._source, ending=f"\n{end}\n".encode())
        parser = CsvParser(types, kept, self._delimiter, self._source.key)
        ended = False
        for before, parsed in self._parsed(parser, text, function):
            ended = ended or any(row.text == end for row in parsed.ragged)
            yield from self._deliver(before, parsed, end)
        if not ended:
            raise RejectedError(
                "unterminated_quote",
                'A quote (") opens a field and is never closed. Close it, or double it within '
                "quotes where it belongs to the text.",
                self.place(self._last_record),
            )

    def _parsed(
        self, parser: CsvParser, text: Any, function: Callable[[Any], Any]
    ) -> Iterator[tuple[int, Parsed]]:
        """What is parsed, and how many records stand before the text that it is of."""

        def parse(piece: Piece) -> Parsed:
            return parser.parse(piece.text, piece.quoted).apply(function)

        texts = pieces(text, self._delimiter, parser.columns)
        first = next(texts, None)
        if first is not None:
            yield 0, parse(first)
        for parsed in in_order(parse, texts):
            yield self._last_record, parsed
        before = self._last_record if parser.has_header else 0
        if rest := text.read(len(codecs.BOM_UTF8)):
            # pyarrow takes one mark off the start of a text, and this one is a record's own.
            is_own = parser.has_header and rest == codecs.BOM_UTF8
            text.unread(codecs.BOM_UTF8 + rest if is_own else rest)
            blocks = parser.parse_stream(text)
            for parsed in in_order(lambda block: block.apply(function), blocks):
                yield before, parsed

    def _deliver(self, before: int, parsed: Parsed, end: str) -> Iterator[Any]:
        for row in parsed.ragged:
            if row.text != end:
                self._ragged.append(replace(row, record=before + row.record))
                self._ragged_records.append(before + row.record)
        if len(self._ragged) >= MAX_RAGGED_RUN:
            raise RejectedError(
                "ragged_rows",
                f"{MAX_RAGGED_RUN:,} rows on end do not have the header's fields; the first: "
                f"{self._ragged[0].reason}. Give every row as many fields as the header.",
                self.place(self._ragged[0].record),
            )
        if parsed.error is not None:
            raise self._translate(parsed.error) from parsed.error
        for batch, result in zip(parsed.batches, parsed.results, strict=True):
            self._delivered += batch.num_rows
            yield result

    def take_ragged(self) -> list[RaggedRow]:
        """The ragged rows that were met since the last call."""
        rows, self._ragged = self._ragged, []
        return rows

    @property
    def _last_record(self) -> int:
        return 1 + self._delivered + len(self._ragged_records)

    def record_of(self, row: int) -> int:
        """The record that became row `row`, from 0, of this file."""
        record = row + 2
        for ragged in self._ragged_records:
            if ragged > record:
                break
            record += 1
        return record

    @functools.cached_property
    def lines(self) -> LineFinder:
        """The lines of the file, read a second time as far as they are asked for."""
        return LineFinder(io.BufferedReader(self._open_text(self._source)))

    def place(self, record: int) -> str:
        """Where `record` is, in words."""
        line = self.lines.line(record)
        number = f"record {record}" if line is None else f"line {line}"
        return f"{number} of {self._source.key}"

    def _translate(self, error: Exception) -> Exception:
        if isinstance(error, MisfitError):
            return error
        message = str(error)
        if "straddling" in message:
            return RejectedError(
                "row_too_large",
                f"A row is longer than {BLOCK_BYTES >> 20} MiB. Check the line ends and the "
                "quotes.",
                f"after {self.place(self._last_record)}",
            )
        if "conversion error" in message and "UTF8" not in message:
            return MisfitError(message)
        offset = invalid_utf8_offset(self._open_text(self._source))
        if offset is not None:
            return RejectedError(
                "encoding",
                "The text is not UTF-8. If it is Latin-1 or Windows-1252, "
                "`iconv -f WINDOWS-1252 -t UTF-8` converts it.",
                f"byte {offset} of {self._source.key}",
            )
        return RejectedError(
            "invalid_csv", f"The rows cannot be read: {message}.", self._source.key
        )
