"""CSV text to record batches of given types, by pyarrow, with the ragged rows set apart."""

from __future__ import annotations

import codecs
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow
import pyarrow.csv

from contracts.manifest import FALSE_SPELLINGS, NULL_SPELLINGS, TRUE_SPELLINGS
from gpu_jobs.errors import MisfitError
from gpu_jobs.quarantine import MAX_TEXT
from gpu_jobs.readers.column_check import check_names
from gpu_jobs.readers.text_stream import BLOCK_BYTES
from gpu_jobs.readers.text_types import kept_numbers

MAX_RAGGED_RUN = 100_000
"""Ragged rows with no good block of rows in between; more of them are not worth keeping."""


@dataclass(frozen=True)
class RaggedRow:
    """A row with too few or too many fields; `record` counts from 1, the text's first."""

    record: int
    reason: str
    text: str


@dataclass
class Parsed:
    """Some rows of a text, and the error behind which no more of it can be parsed.

    `results` are what `apply` made of the batches.
    """

    batches: list[Any] = field(default_factory=list)
    results: list[Any] = field(default_factory=list)
    ragged: list[RaggedRow] = field(default_factory=list)
    error: Exception | None = None

    def apply(self, function: Callable[[Any], Any]) -> Parsed:
        """Call `function` with each of the batches."""
        self.results = [function(batch) for batch in self.batches]
        return self

    def keep_aside(self, row: Any) -> str:
        """pyarrow's handler of invalid rows."""
        reason = f"expected {row.expected_columns} fields, found {row.actual_columns}"
        self.ragged.append(RaggedRow(row.number, reason, row.text[:MAX_TEXT]))
        return "skip" if len(self.ragged) < MAX_RAGGED_RUN else "error"


class CsvParser:
    """Parses the texts of the file `key`, of which the first begins with the header.

    Batches have the columns of `types` in that order, whatever the header's is; `kept` are those
    whose numbers have to stay what is written. After the first text several may be parsed at the
    same time.
    """

    def __init__(
        self, types: Mapping[str, Any], kept: Collection[str], delimiter: str, key: str
    ) -> None:
        self._types = types
        # Conversion would not tell what it drops, as the leading zeros of postal codes.
        self._read_as = {**types, **dict.fromkeys(kept, pyarrow.string())}
        self._kept: dict[Any, list[str]] = defaultdict(list)
        for name in kept:
            self._kept[types[name]].append(name)
        self._delimiter = delimiter
        self._key = key
        self._header: list[str] | None = None

    @property
    def columns(self) -> int:
        return len(self._types)

    @property
    def has_header(self) -> bool:
        """Whether the header has been met, so that texts begin with a row."""
        return self._header is not None

    def parse(self, text: memoryview, quoted: bool) -> Parsed:
        """All rows of `text`, which is `quoted` if it may have quotation marks.

        Raises RejectedError when the header has other columns.
        """
        parsed = Parsed()
        file = pyarrow.BufferReader(text)
        try:
            if self._header is None:
                found = list(self._open(file, parsed.keep_aside, len(text)))
            else:
                if bytes(text[: len(codecs.BOM_UTF8)]) == codecs.BOM_UTF8:
                    # Of the row's own; pyarrow takes one off the start of every text.
                    file = pyarrow.BufferReader(codecs.BOM_UTF8 + text)
                # Parses on this thread, where what `_open` gives would leave it to another one.
                options = self._options(parsed.keep_aside, file.size(), quoted)
                found = pyarrow.csv.read_csv(file, **options).to_batches()
            parsed.batches = [self._typed(batch) for batch in found]
        except (pyarrow.ArrowInvalid, UnicodeDecodeError, MisfitError) as error:
            parsed.error = error
        return parsed

    def parse_stream(self, text: Any) -> Iterator[Parsed]:
        """The rows of the binary file `text`, one block after the other; errors as of `parse`."""
        parsed = Parsed()
        try:
            file = pyarrow.PythonFile(text, mode="r")
            for batch in self._open(file, parsed.keep_aside, BLOCK_BYTES):
                yield Parsed([self._typed(batch)], ragged=parsed.ragged)
                parsed.ragged = []
        except (pyarrow.ArrowInvalid, UnicodeDecodeError, MisfitError) as error:
            parsed.error = error
        yield parsed

    def _open(self, text: Any, keep_aside: Any, block_bytes: int) -> Any:
        reader = pyarrow.csv.open_csv(text, **self._options(keep_aside, block_bytes))
        if self._header is None:
            check_names(reader.schema.names, list(self._types), self._key)
            self._header = reader.schema.names
        return reader

    def _typed(self, batch: Any) -> Any:
        """A batch as it is read, with the columns of `types`.

        Raises MisfitError for a cell in a column of `kept` that its type would not keep.
        """
        columns = {name: batch.column(name) for name in self._types}
        for type_, names in self._kept.items():
            # All at once, for each call of Arrow costs what a hundred cells do.
            cells = pyarrow.concat_arrays([columns[name] for name in names])
            try:
                numbers = kept_numbers(cells, type_)
            except pyarrow.ArrowInvalid as error:
                raise MisfitError(str(error)) from error
            for index, name in enumerate(names):
                columns[name] = numbers.slice(index * batch.num_rows, batch.num_rows)
        return pyarrow.record_batch(columns)

    def _options(self, keep_aside: Any, block_bytes: int, quoted: bool = True) -> dict[str, Any]:
        return {
            # With threads the rows have no numbers.
            "read_options": pyarrow.csv.ReadOptions(
                use_threads=False, block_size=block_bytes, column_names=self._header
            ),
            "parse_options": pyarrow.csv.ParseOptions(
                delimiter=self._delimiter,
                # Not to look for quotation marks takes a twentieth off parsing.
                quote_char='"' if quoted else False,
                newlines_in_values=True,
                invalid_row_handler=keep_aside,
            ),
            "convert_options": pyarrow.csv.ConvertOptions(
                column_types=self._read_as,
                null_values=NULL_SPELLINGS,
                true_values=TRUE_SPELLINGS,
                false_values=FALSE_SPELLINGS,
                strings_can_be_null=False,
                quoted_strings_can_be_null=True,
            ),
        }
