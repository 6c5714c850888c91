"""The types of text columns, and which cells fit them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyarrow

from contracts.manifest import FALSE_SPELLINGS, NULL_SPELLINGS, TRUE_SPELLINGS, Manifest

_TYPES = {
    "int64": pyarrow.int64(),
    "double": pyarrow.float64(),
    "bool": pyarrow.bool_(),
    "string": pyarrow.string(),
}


def text_types(manifest: Manifest) -> dict[str, Any]:
    """The Arrow type that each column of a text format is read as, in the manifest's order.

    Columns to normalize are read as double, whole numbers too, since z-scores are; what has no
    type of its own (nested JSON) is read as text.
    """
    return {
        column.name: pyarrow.float64()
        if column.name in manifest.normalize and column.type == "int64"
        else _TYPES.get(column.type, pyarrow.string())
        for column in manifest.columns
    }


@dataclass(frozen=True)
class Candidate:
    """A type that a column may have. Beyond MAX_EXACT no whole number fits an `exact` double."""

    type: Any
    exact: bool = False


MAX_EXACT = 2**53
"""Up to here, and down to its negative, a double holds every whole number."""

UNSEEN = (
    Candidate(pyarrow.bool_()),
    Candidate(pyarrow.int64()),
    Candidate(pyarrow.float64(), exact=True),
)
"""The candidates of a column of which no value has been seen."""


def candidates(type_: Any) -> tuple[Candidate, ...]:
    """What a column of `type_` may turn out to be other than text, the narrowest type first."""
    if type_ == pyarrow.string():
        return ()
    if type_ == pyarrow.int64():
        return UNSEEN[1:]
    return (Candidate(type_),)


def narrowest(left: tuple[Candidate, ...]) -> Any:
    """The type of a column all of whose cells fit the candidates that are `left`."""
    return left[0].type if left else pyarrow.string()


def narrowed(cells: Any, left: tuple[Candidate, ...]) -> tuple[tuple[Candidate, ...], int]:
    """Which of the candidates that are `left` all the text `cells` fit.

    Beside them stands the index of the cell that ruled out the last of the others.
    """
    misfits = {each: first_misfit(cells, each.type, each.exact) for each in left}
    fitting = tuple(each for each, index in misfits.items() if index is None)
    return fitting, max((index for index in misfits.values() if index is not None), default=0)


def first_misfit(cells: Any, expected: Any, exact: bool = False) -> int | None:
    """The index of the first of the text `cells` that the CSV parser does not take for `expected`.

    `exact` as in Candidate.
    """
    if _fits(cells, expected, exact):
        return None
    low, high = 0, len(cells)
    while high - low > 1:
        middle = (low + high) // 2
        if _fits(cells.slice(low, middle - low), expected, exact):
            low = middle
        else:
            high = middle
    return low


def _fits(cells: Any, expected: Any, exact: bool) -> bool:
    """Whether all `cells` have the type, by the rules of pyarrow's CSV conversion."""
    # Imported where it is needed, since it takes longer than some jobs to compute.
    from pyarrow import compute

    if expected == pyarrow.bool_():
        null = compute.is_in(cells, pyarrow.array(NULL_SPELLINGS))
        words = pyarrow.array(TRUE_SPELLINGS + FALSE_SPELLINGS)
        return bool(
            compute.all(compute.or_(null, compute.is_in(cells, words)), min_count=0).as_py()
        )
    try:
        if expected == pyarrow.int64():
            whole_numbers(cells)
            return True
        numbers = _numbers(cells)
        numbers.cast(expected)
        if exact:
            whole = compute.match_substring_regex(numbers, r"^[+-]?\d+$")
            # Arrow's cast from int64 to double refuses what is beyond MAX_EXACT.
            unsigned = compute.utf8_ltrim(numbers.filter(whole), "+")
            whole_numbers(unsigned).cast(pyarrow.float64())
    except pyarrow.ArrowInvalid:
        return False
    return True


def whole_numbers(cells: Any) -> Any:
    """Text cells as int64, as CSV conversion would have them, but none that loses leading zeros.

    Raises ArrowInvalid.
    """
    from pyarrow import compute

    try:
        # Where there are neither nulls nor blanks, this is all.
        whole = cells.cast(pyarrow.int64())
    except pyarrow.ArrowInvalid:
        cells = _numbers(cells)
        whole = cells.cast(pyarrow.int64())
    zero = compute.or_(compute.starts_with(cells, "0"), compute.starts_with(cells, "-0"))
    if compute.any(compute.match_substring_regex(cells.filter(zero), "^-?0.")).as_py():
        raise pyarrow.ArrowInvalid("a whole number begins with 0")
    return whole


def _numbers(cells: Any) -> Any:
    """Text cells as CSV conversion takes them for numbers: null spellings null, blanks trimmed."""
    from pyarrow import compute

    null = compute.is_in(cells, pyarrow.array(NULL_SPELLINGS))
    # Blanks and tabs are trimmed around numbers, but not around null spellings.
    return compute.if_else(null, None, compute.utf8_trim(cells, " \t"))
