"""One CSV file through pyarrow, with its bad rows and every way in which it can be broken."""

from __future__ import annotations

import functools
import io
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow
import pyarrow.csv

from contracts.manifest import FALSE_SPELLINGS, NULL_SPELLINGS, TRUE_SPELLINGS, SourceObject
from gpu_jobs.column_check import check_names
from gpu_jobs.csv_lines import LineFinder
from gpu_jobs.errors import MisfitError, RejectedError
from gpu_jobs.quarantine import MAX_TEXT
from gpu_jobs.text_stream import BLOCK_BYTES, OpenText, invalid_utf8_offset

MAX_RAGGED_RUN = 100_000
"""Ragged rows with no good block of rows in between; more of them are not worth keeping."""


@dataclass(frozen=True)
class RaggedRow:
    """A row with too few or too many fields; `record` counts from 1, the header."""

    record: int
    reason: str
    text: str


class CsvFile:
    """One file of a CSV dataset, in one reading from start to end.

    The text is followed by a row of its own with one field too many. When the parser has not
    met it as a row, the text ended within quotation marks, which pyarrow alone would not tell.
    """

    def __init__(self, source: SourceObject, open_text: OpenText, delimiter: str) -> None:
        self._source = source
        self._open_text = open_text
        self._delimiter = delimiter
        self._ended = False
        self._delivered = 0
        self._ragged_records = array("q")
        self._ragged: list[RaggedRow] = []

    def batches(self, types: Mapping[str, Any]) -> Iterator[Any]:
        """The rows as record batches of `types`; ragged rows wait for `take_ragged` meanwhile.

        The batches' columns have the order of `types`, whatever the header's is.
        Raises MisfitError when a cell has not its column's type, RejectedError otherwise.
        """
        names = list(types)
        end = self._delimiter.join("\x1c" * (len(names) + 1))
        try:
            reader = self._open(types, end)
            check_names(reader.schema.names, names, self._source.key)
            for batch in reader:
                self._delivered += batch.num_rows
                yield batch.select(names)
        except (pyarrow.ArrowInvalid, UnicodeDecodeError) as error:
            raise self._translate(error) from error
        if not self._ended:
            raise RejectedError(
                "unterminated_quote",
                'A quote (") opens a field and is never closed. Close it, or double it within '
                "quotes where it belongs to the text.",
                self.place(self._last_record),
            )

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

    def _open(self, types: Mapping[str, Any], end: str) -> Any:
        def ragged(row: Any) -> str:
            if row.text == end:
                self._ended = True
                return "skip"
            reason = f"expected {row.expected_columns} fields, found {row.actual_columns}"
            self._ragged.append(RaggedRow(row.number, reason, row.text[:MAX_TEXT]))
            self._ragged_records.append(row.number)
            return "skip" if len(self._ragged) < MAX_RAGGED_RUN else "error"

        text = self._open_text(self._source, ending=f"\n{end}\n".encode())
        return pyarrow.csv.open_csv(
            pyarrow.PythonFile(text, mode="r"),
            # With threads the rows have no numbers; open_csv parses on one thread in any case.
            read_options=pyarrow.csv.ReadOptions(use_threads=False, block_size=BLOCK_BYTES),
            parse_options=pyarrow.csv.ParseOptions(
                delimiter=self._delimiter,
                newlines_in_values=True,
                invalid_row_handler=ragged,
            ),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types=types,
                null_values=NULL_SPELLINGS,
                true_values=TRUE_SPELLINGS,
                false_values=FALSE_SPELLINGS,
                strings_can_be_null=False,
                quoted_strings_can_be_null=True,
            ),
        )

    def _translate(self, error: Exception) -> Exception:
        message = str(error)
        if "straddling" in message:
            return RejectedError(
                "row_too_large",
                f"A row is longer than {BLOCK_BYTES >> 20} MiB. Check the line ends and the "
                "quotes.",
                f"after {self.place(self._last_record)}",
            )
        if len(self._ragged) >= MAX_RAGGED_RUN:
            return RejectedError(
                "ragged_rows",
                f"{MAX_RAGGED_RUN:,} rows on end do not have the header's fields; the first: "
                f"{self._ragged[0].reason}. Give every row as many fields as the header.",
                self.place(self._ragged[0].record),
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
