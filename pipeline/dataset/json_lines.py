"""JSON Lines: the keys and their types from a sample."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

from contracts.manifest import MAX_COLUMNS, Column
from contracts.wording import quoted
from pipeline.dataset.column_types import (
    BOOL,
    DOUBLE,
    INT64,
    INTEGER,
    LIST,
    NULL,
    STRING,
    STRUCT,
    Inferred,
    fits_int64,
    widen,
)
from pipeline.dataset.limits import MAX_CATEGORIES, SAMPLE_BYTES, SAMPLE_ROWS, MiB
from pipeline.dataset.problems import rejected
from pipeline.dataset.sample import Text
from pipeline.dataset.table import Table, check_names, is_category, text_remark, too_many_columns
from pipeline.errors import InputRejected

_KINDS = {bool: BOOL, float: DOUBLE, str: STRING, dict: STRUCT, list: LIST}


@dataclass
class _Seen:
    """What the values of one key looked like; `texts` stops growing beyond a category's size."""

    kinds: set[str] = field(default_factory=set)
    texts: set[str] = field(default_factory=set)

    def add(self, value: Any) -> None:
        if value is None:
            return
        self.kinds.add(_kind(value))
        if isinstance(value, str) and len(self.texts) <= MAX_CATEGORIES:
            self.texts.add(value)

    @property
    def type(self) -> Inferred:
        """The type that holds all of it."""
        type_ = reduce(widen, self.kinds, NULL)
        if type_ != STRING or self.kinds == {STRING}:
            return Inferred(type_)
        return Inferred(STRING, f"it mixes {' and '.join(sorted(self.kinds))}")


def describe(text: Text) -> Table:
    """The table. Raises InputRejected when most of the lines are no JSON objects."""
    seen: dict[str, _Seen] = defaultdict(_Seen)
    objects = 0
    faults: list[tuple[int, str]] = []
    for number, line in _lines(text):
        try:
            row = _parse(line)
        except (ValueError, RecursionError) as error:
            faults.append((number, str(error)))
            continue
        objects += 1
        for name, value in row.items():
            seen[name].add(value)
        if len(seen) > MAX_COLUMNS:
            raise too_many_columns(f"more than {MAX_COLUMNS:,}", f"line {number}")
    if len(faults) > objects:
        raise _invalid(text, objects, faults)
    if not seen:
        raise _without_values(text)
    check_names(list(seen))
    return _table(seen, objects)


def _lines(text: Text) -> Iterator[tuple[int, str]]:
    """The numbered lines of the sample that are whole and not blank, up to the row limit."""
    lines = text.text.split("\n")
    if not text.complete:
        lines.pop()
    numbered = ((number, line) for number, line in enumerate(lines, 1) if line.strip())
    for _, item in zip(range(SAMPLE_ROWS), numbered, strict=False):
        yield item


def _parse(line: str) -> dict[str, Any]:
    row = json.loads(line)
    if "\\ud" in line.lower():
        # Half of a surrogate pair is no character; UnicodeEncodeError is a ValueError.
        json.dumps(row, ensure_ascii=False).encode()
    if not isinstance(row, dict):
        raise ValueError(f"an object was expected, not {quoted(line)}")
    return row


def _kind(value: Any) -> str:
    if type(value) is int:
        return INT64 if fits_int64(str(value)) else INTEGER
    return _KINDS[type(value)]


def _invalid(text: Text, objects: int, faults: list[tuple[int, str]]) -> InputRejected:
    line, reason = faults[0]
    if not objects and _is_one_document(text):
        reason = "one JSON object is spread over several lines; `jq -c .` puts it on one"
    return rejected(
        "invalid_json",
        f"{len(faults):,} of the first {objects + len(faults):,} lines are not JSON objects; "
        f"the first: {reason}. JSON Lines has one object on each line.",
        f"line {line}",
    )


def _is_one_document(text: Text) -> bool:
    try:
        return text.complete and isinstance(json.loads(text.text), dict)
    except (ValueError, RecursionError):
        return False


def _without_values(text: Text) -> InputRejected:
    if text.complete:
        return rejected("no_rows", "The objects hold no values. Upload a file with data.")
    return rejected(
        "row_too_large",
        f"The first line is longer than {SAMPLE_BYTES // MiB} MiB. Put each object on a line of "
        "its own, and leave large values out.",
        "line 1",
    )


def _table(seen: dict[str, _Seen], rows: int) -> Table:
    types = {name: values.type for name, values in seen.items()}
    return Table(
        columns=tuple(Column(name, inferred.type) for name, inferred in types.items()),
        categories=tuple(
            name
            for name, inferred in types.items()
            if inferred.type == STRING and is_category(len(seen[name].texts), rows)
        ),
        warnings=tuple(
            text_remark(name, inferred.remark)
            for name, inferred in types.items()
            if inferred.remark
        ),
    )
