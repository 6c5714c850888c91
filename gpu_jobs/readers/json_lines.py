"""One line of JSON Lines: what is wrong with it, and how its values fit a column's type."""

from __future__ import annotations

import json
from typing import Any

import pyarrow

from gpu_jobs.readers.text_types import MAX_EXACT

_INT64 = range(-(2**63), 2**63)


class BadLineError(ValueError):
    """The line is not one JSON object with distinct names; the message says why."""


def parse_line(line: str) -> dict[str, Any]:
    """The object that `line` holds. Raises BadLineError."""
    try:
        row = json.loads(line, object_pairs_hook=_distinct)
    except BadLineError:
        raise
    except ValueError as error:
        raise BadLineError(f"not JSON: {error}") from error
    except RecursionError as error:
        raise BadLineError("nested too deeply") from error
    if not isinstance(row, dict):
        raise BadLineError("not an object")
    if "\\ud" in line.lower() and not _is_unicode(row):
        raise BadLineError("half of a surrogate pair is not a character")
    return row


def fits(value: Any, expected: Any, kept: bool = False) -> bool:
    """Whether a column of type `expected` can hold `value`; a text column can hold anything.

    `kept` as in Candidate, but of 1e999 the parser leaves no more than infinity.
    """
    if value is None or expected == pyarrow.string():
        return True
    if expected == pyarrow.bool_():
        return isinstance(value, bool)
    if isinstance(value, bool):
        return False
    if expected == pyarrow.int64():
        return isinstance(value, int) and value in _INT64
    if isinstance(value, int):
        return not kept or abs(value) <= MAX_EXACT
    return isinstance(value, float)


def convert(value: Any, expected: Any) -> Any:
    """`value` as the column holds it; what is no text becomes its JSON in a text column."""
    if value is None:
        return None
    if expected == pyarrow.float64():
        try:
            return float(value)
        except OverflowError:
            return float("inf") if value > 0 else float("-inf")
    if expected == pyarrow.string() and not isinstance(value, str):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return value


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    row = dict(pairs)
    if len(row) < len(pairs):
        raise BadLineError("a name stands twice in one object")
    return row


def _is_unicode(row: dict[str, Any]) -> bool:
    try:
        json.dumps(row, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True
