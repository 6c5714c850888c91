"""CSV and its relatives: the delimiter, the header and the columns' types from a sample."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import chain, islice, pairwise

from contracts.manifest import MAX_COLUMNS, Column
from contracts.wording import listing
from pipeline.dataset.column_types import fits_int64, infer, is_numeric, is_text, looks_numeric
from pipeline.dataset.limits import MAX_FIELD, SAMPLE_BYTES, SAMPLE_ROWS, MiB
from pipeline.dataset.problems import rejected
from pipeline.dataset.sample import Text
from pipeline.dataset.table import (
    Table,
    check_names,
    is_category,
    text_remark,
    too_many_columns,
)
from pipeline.errors import InputRejected

DELIMITERS = (",", "\t", ";", "|")

_SNIFFED_ROWS = 100
_LINE_END = re.compile(r"\r\n|\r|\n")
_END = "\0"
"""Put behind the text, where it can be found again: as a row of its own or in an open quote."""


@dataclass(frozen=True)
class Row:
    """The fields of a row and the number, from 1, of the line it begins on."""

    line: int
    cells: list[str]


def describe(text: Text) -> tuple[str, Table]:
    """The delimiter and the table. Raises InputRejected."""
    if not text.text.strip():
        raise rejected("empty", "The file holds nothing but blank lines.")
    _check_width(text.text)
    delimiter = sniff_delimiter(text)
    sampled = list(islice(read_rows(text, delimiter), 1 + SAMPLE_ROWS))
    if len(sampled) < 2:
        raise _without_rows(text)
    header, *rows = sampled
    where = f"line {header.line}"
    _check_header(header.cells, where)
    check_names(header.cells, where)
    _check_shape(header, rows)
    table = _table(header.cells, [r.cells for r in rows if _fits(r, header)])
    if numbers := _data_in_header(table):
        told = (
            f"The first row is read as the columns' names, and looks like data: {listing(numbers)}."
            " If it is, put a row of names before it."
        )
        table = replace(table, warnings=(*table.warnings, told))
    if len(header.cells) == 1 and (blank := _blank_lines(sampled)):
        told = (
            f"Blank lines are no rows: {blank:,} between the first {len(sampled):,} rows are left "
            'out, and others may follow. If they stand for missing values, write those as "" or NA.'
        )
        table = replace(table, warnings=(*table.warnings, told))
    return delimiter, table


def _blank_lines(rows: Sequence[Row]) -> int:
    """How many blank lines stand between rows of one field."""
    return sum(
        after.line - row.line - 1 - len(_LINE_END.findall(row.cells[0]))
        for row, after in pairwise(rows)
    )


def sniff_delimiter(text: Text) -> str:
    """The delimiter that splits the first rows into equally many fields, more rather than few."""

    def score(delimiter: str) -> tuple[bool, int]:
        sampled: list[Row] = []
        # The rows before an open quote tell the delimiter, with which it is then reported.
        with suppress(InputRejected):
            sampled.extend(islice(read_rows(text, delimiter), _SNIFFED_ROWS))
        if not sampled:
            return False, 1
        header, *rows = sampled
        fitting = sum(_fits(row, header) for row in rows)
        return len(header.cells) > 1 and 2 * fitting >= len(rows), len(header.cells)

    return max(DELIMITERS, key=score)


def read_rows(text: Text, delimiter: str) -> Iterator[Row]:
    """The whole rows of the text, the header first, blank lines left out.

    Raises InputRejected for a quote that is never closed and for a field that is too large.
    """
    csv.field_size_limit(MAX_FIELD)
    lines = chain(io.StringIO(text.text, newline=""), [_END])
    reader = csv.reader(lines, delimiter=delimiter)
    pending: list[Row] = []
    line = 1
    try:
        for cells in reader:
            between_rows = cells == [_END]
            if between_rows and not text.complete:
                return  # the pending row may have been cut off
            yield from pending
            in_quotes = not between_rows and "".join(cells[-1:]).endswith(_END)
            if in_quotes and text.complete:
                raise _unterminated_quote(line)
            if between_rows or in_quotes:
                return
            pending = [Row(line, cells)] if cells else []
            line = reader.line_num + 1
    except csv.Error as error:
        yield from pending
        if reader.line_num > line:
            raise _unterminated_quote(line) from error
        raise _field_too_large(line) from error


def _field_too_large(line: int) -> InputRejected:
    return rejected(
        "field_too_large",
        f"A field is longer than {MAX_FIELD // MiB} MiB. Leave such columns out, or check the "
        "delimiter and the quotes.",
        f"line {line}",
    )


def _unterminated_quote(line: int) -> InputRejected:
    return rejected(
        "unterminated_quote",
        'A quote (") opens a field and is never closed. Close it, or double it within quotes '
        "where it belongs to the text.",
        f"the row that begins on line {line}",
    )


def _check_width(text: str) -> None:
    """A million columns are seen by counting, without taking them apart."""
    ends = [end for end in (text.find("\n"), text.find("\r")) if end >= 0]
    first_line = text[: min(ends, default=len(text))]
    count = max(first_line.count(delimiter) for delimiter in DELIMITERS)
    if count > MAX_COLUMNS and '"' not in first_line:
        raise too_many_columns(f"more than {count:,}", "line 1")


def _without_rows(text: Text) -> InputRejected:
    if text.complete:
        return rejected(
            "no_rows", "There is a header, but no row below it. Upload a file with data."
        )
    return rejected(
        "row_too_large",
        f"No whole row fits into the first {SAMPLE_BYTES // MiB} MiB. Check the line ends and "
        "the quotes.",
    )


def _check_header(names: Sequence[str], where: str) -> None:
    if all(looks_numeric(name) for name in names) and not _count_up(names):
        raise rejected(
            "no_header",
            "The first row holds only numbers, so it is no header. Put a row with the columns' "
            "names before it.",
            where,
        )


def _data_in_header(table: Table) -> list[str]:
    """The names that are numbers, over columns of numbers; years in a row among others are not."""
    found = [
        column.name
        for column in table.columns
        if is_numeric(column.type) and looks_numeric(column.name)
    ]
    return [] if _count_up(found) and len(found) < len(table.columns) else found


def _count_up(names: Sequence[str]) -> bool:
    """Whether the names are numbers in a row, such as 0, 1, 2 or years: a header after all."""
    if len(names) < 2 or not all(name.isdecimal() and fits_int64(name) for name in names):
        return False
    numbers = [int(name) for name in names]
    return numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def _fits(row: Row, header: Row) -> bool:
    return len(row.cells) == len(header.cells)


def _check_shape(header: Row, rows: Sequence[Row]) -> None:
    ragged = [row for row in rows if not _fits(row, header)]
    if 2 * len(ragged) <= len(rows):
        return
    raise rejected(
        "ragged_rows",
        f"{len(ragged):,} of the first {len(rows):,} rows do not have the header's "
        f"{len(header.cells)} fields; the first of them has {len(ragged[0].cells)}. Give every "
        "row as many fields as the header.",
        f"line {ragged[0].line}",
    )


def _table(names: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    columns, categories, warnings = [], [], []
    for name, cells in zip(names, zip(*rows, strict=True), strict=True):
        values = set(cells)
        inferred = infer(values)
        columns.append(Column(name, inferred.type))
        if is_text(inferred.type) and is_category(len(values), len(rows)):
            categories.append(name)
        if inferred.remark:
            warnings.append(text_remark(name, inferred.remark))
    return Table(tuple(columns), tuple(categories), tuple(warnings))
