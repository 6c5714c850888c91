"""The types of text columns, and which cells fit them."""

from __future__ import annotations

import functools
from collections.abc import Mapping
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
    """A type that a column may have.

    One that is `kept` has to hold what is written: no digits with zeros before them, no whole
    number with a plus sign, and as double none beyond MAX_EXACT, nor a number that is infinite
    there.
    """

    type: Any
    kept: bool = False


MAX_EXACT = 2**53
"""Up to here, and down to its negative, a double holds every whole number."""

_INT64 = Candidate(pyarrow.int64(), kept=True)
_DOUBLE = Candidate(pyarrow.float64(), kept=True)

UNSEEN = (Candidate(pyarrow.bool_()), _INT64, _DOUBLE)
"""The candidates of a column of which no value has been seen."""


def kept_columns(types: Mapping[str, Any], manifest: Manifest) -> set[str]:
    """The columns of numbers that pass through, which have to stay what they are."""
    numbers = {n for n, type_ in types.items() if type_ in (pyarrow.int64(), pyarrow.float64())}
    return numbers - {*manifest.normalize}


def candidates(type_: Any, kept: bool) -> tuple[Candidate, ...]:
    """What a column of `type_` may turn out to be, if not text; the first that its cells fit.

    `kept` as in Candidate.
    """
    if type_ == pyarrow.string():
        return ()
    if kept:
        return (_INT64, _DOUBLE) if type_ == pyarrow.int64() else (_DOUBLE, _INT64)
    return (Candidate(type_),)


def narrowest(left: tuple[Candidate, ...]) -> Any:
    """The type of a column all of whose cells fit the candidates that are `left`."""
    return left[0].type if left else pyarrow.string()


def narrowed(cells: Any, left: tuple[Candidate, ...]) -> tuple[tuple[Candidate, ...], int]:
    """Which of the candidates that are `left` all the text `cells` fit.

    Beside them stands the index of the cell that ruled out the last of the others.
    """
    misfits = {each: first_misfit(cells, each) for each in left}
    fitting = tuple(each for each, index in misfits.items() if index is None)
    return fitting, max((index for index in misfits.values() if index is not None), default=0)


def first_misfit(cells: Any, candidate: Candidate) -> int | None:
    """The index of the first of the text `cells` that the CSV parser would not take for it."""
    if _fits(cells, candidate):
        return None
    low, high = 0, len(cells)
    while high - low > 1:
        middle = (low + high) // 2
        if _fits(cells.slice(low, middle - low), candidate):
            low = middle
        else:
            high = middle
    return low


def _fits(cells: Any, candidate: Candidate) -> bool:
    """Whether all `cells` are what `candidate` says, by the rules of pyarrow's CSV conversion."""
    # Imported where it is needed, since it takes longer than some jobs to compute.
    from pyarrow import compute

    if candidate.type == pyarrow.bool_():
        words = pyarrow.array(NULL_SPELLINGS + TRUE_SPELLINGS + FALSE_SPELLINGS)
        return bool(compute.all(compute.is_in(cells, words), min_count=0).as_py())
    try:
        if candidate.kept:
            kept_numbers(cells, candidate.type)
        else:
            _numbers(cells, candidate.type)
    except pyarrow.ArrowInvalid:
        return False
    return True


def kept_numbers(cells: Any, type_: Any) -> Any:
    """Text cells as int64 or double, which are what is written, as Candidate says of `kept`.

    Raises ArrowInvalid for a cell that would not be.
    """
    from pyarrow import compute

    written, numbers = _numbers(cells, type_)
    starts = [compute.starts_with(written, start) for start in ("0", "-0", "+")]
    unusual = written.filter(functools.reduce(compute.or_, starts))
    if _any_matches(unusual, r"^[+-]?0[0-9xX]|^\+[0-9]+$"):
        raise pyarrow.ArrowInvalid("a number begins with 0 or +")
    if type_ == pyarrow.float64():
        is_large = compute.greater_equal(compute.abs(numbers), float(MAX_EXACT))
        large = written.filter(is_large)
        if _any_matches(large.filter(compute.is_inf(numbers.filter(is_large))), "[0-9]"):
            raise pyarrow.ArrowInvalid("a number is beyond the range of a double")
        whole = large.filter(compute.match_substring_regex(large, "^-?[0-9]+$"))
        # Arrow's cast from int64 to double refuses what is beyond MAX_EXACT.
        whole.cast(pyarrow.int64()).cast(pyarrow.float64())
    return numbers


def _any_matches(cells: Any, pattern: str) -> bool:
    from pyarrow import compute

    return bool(compute.any(compute.match_substring_regex(cells, pattern)).as_py())


def _numbers(cells: Any, type_: Any) -> tuple[Any, Any]:
    """Text cells as CSV conversion takes them for numbers, and these of `type_`.

    Spellings of null are null, and blanks around numbers are trimmed. Raises ArrowInvalid.
    """
    from pyarrow import compute

    null = compute.is_in(cells, pyarrow.array(NULL_SPELLINGS))
    written = compute.if_else(null, None, cells)
    try:
        return written, written.cast(type_)
    except pyarrow.ArrowInvalid:
        # Blanks and tabs are trimmed around numbers, but not around null spellings.
        written = compute.utf8_trim(written, " \t")
        return written, written.cast(type_)
