"""The types of columns: which there are, how they are inferred, how two of them become one."""

from __future__ import annotations

import re
from collections.abc import Set
from dataclasses import dataclass

from contracts.grouping import can_group
from contracts.manifest import FALSE_SPELLINGS, INFINITY_SPELLINGS, NULL_SPELLINGS, TRUE_SPELLINGS
from contracts.wording import quoted

INT64, DOUBLE, BOOL, STRING = "int64", "double", "bool", "string"
STRUCT, LIST = "struct", "list"
NULL = "null"
"""No value seen yet. A text column that stays so becomes double, with a count of 0."""

INTEGER = "integer"
"""Whole numbers, some beyond 64 bits or with leading zeros, as codes have. No manifest has it: it
becomes double to be normalized, as z-scores are, and text to pass through unchanged."""

_NUMERIC = re.compile(
    r"u?int(8|16|32|64)|integer|halffloat|float|double|decimal(32|64|128|256)\(.*\)"
)
_TEXT = re.compile(r"(large_)?string(_view)?|dictionary<values=(large_)?string(_view)?, .*>")

_NUMBERS = (INT64, INTEGER, DOUBLE)

BLANKS = " \t"
"""What may stand around a number."""

_NULLS = frozenset(NULL_SPELLINGS)
_BOOLS = frozenset(TRUE_SPELLINGS + FALSE_SPELLINGS)
_INTEGER = re.compile(r"-?\d+", re.ASCII)
_LEADING_ZERO = re.compile(r"-?0\d+", re.ASCII)
# Also the NaN that C writes, as -nan(ind).
_FLOAT = re.compile(
    rf"[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|{'|'.join(INFINITY_SPELLINGS)}|nan(?:\(\w*\))?)",
    re.ASCII | re.IGNORECASE,
)
_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+", re.ASCII)
_INT64_RANGE = range(-(2**63), 2**63)
_MAX_DIGITS = 40


def is_numeric(type_name: str) -> bool:
    """Integers, floats and decimals. A bool is no number."""
    return _NUMERIC.fullmatch(type_name) is not None


def is_text(type_name: str) -> bool:
    """Text, dictionary-encoded or not."""
    return _TEXT.fullmatch(type_name) is not None


def is_groupable(type_name: str) -> bool:
    """Whether rows can be grouped by such a column; what is INTEGER is text then."""
    return type_name == INTEGER or can_group(type_name)


def widen(a: str, b: str) -> str:
    """The narrowest type of null, int64, integer, double, bool and string that holds both."""
    if a == b or b == NULL:
        return a
    if a == NULL:
        return b
    if a in _NUMBERS and b in _NUMBERS:
        return max(a, b, key=_NUMBERS.index)
    return STRING


@dataclass(frozen=True)
class Inferred:
    """A type, and why it is text in spite of its numbers, where it is."""

    type: str
    remark: str | None = None


def looks_numeric(cell: str) -> bool:
    """Whether a text cell is written as a number."""
    return _FLOAT.fullmatch(cell.strip(BLANKS)) is not None


def infer(distinct: Set[str]) -> Inferred:
    """The type of a text column that has these different cells."""
    values = distinct - _NULLS
    if not values:
        return Inferred(NULL)
    if values <= _BOOLS:
        return Inferred(BOOL)
    others = [value for value in values if not looks_numeric(value)]
    if not others:
        return Inferred(_number_type({value.strip(BLANKS) for value in values}))
    if all(_DECIMAL_COMMA.fullmatch(value.strip(BLANKS)) for value in others):
        remark = "its numbers have a decimal comma, or commas between thousands; write them without"
        return Inferred(STRING, remark)
    if len(others) <= len(values) / 2:
        example = quoted(min(others))
        what = "is no number" if len(others) == 1 else "are no numbers"
        return Inferred(
            STRING, f"{len(others)} of its {len(values)} different values {what}, as {example}"
        )
    return Inferred(STRING)


def _number_type(values: Set[str]) -> str:
    if not all(_INTEGER.fullmatch(value) for value in values):
        return DOUBLE
    is_plain = all(fits_int64(value) and not _LEADING_ZERO.fullmatch(value) for value in values)
    return INT64 if is_plain else INTEGER


def fits_int64(value: str) -> bool:
    """Whether a whole number, as text, fits into 64 bits."""
    return len(value) < _MAX_DIGITS and int(value) in _INT64_RANGE
