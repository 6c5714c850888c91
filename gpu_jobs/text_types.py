"""The types of text columns, and which cells fit them."""

from __future__ import annotations

from typing import Any

import pyarrow
import pyarrow.compute

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


def first_misfit(cells: Any, expected: Any) -> int | None:
    """The index of the first of the text `cells` that CSV parsing would not take for `expected`."""
    if _fits(cells, expected):
        return None
    low, high = 0, len(cells)
    while high - low > 1:
        middle = (low + high) // 2
        if _fits(cells.slice(low, middle - low), expected):
            low = middle
        else:
            high = middle
    return low


def _fits(cells: Any, expected: Any) -> bool:
    """Whether all `cells` have the type, by the rules of pyarrow's CSV conversion."""
    compute = pyarrow.compute
    null = compute.is_in(cells, pyarrow.array(NULL_SPELLINGS))
    if expected == pyarrow.bool_():
        words = pyarrow.array(TRUE_SPELLINGS + FALSE_SPELLINGS)
        return bool(
            compute.all(compute.or_(null, compute.is_in(cells, words)), min_count=0).as_py()
        )
    # The conversion trims blanks and tabs around numbers, but not around null spellings.
    trimmed = compute.utf8_trim(cells, " \t")
    try:
        compute.if_else(null, None, trimmed).cast(expected)
    except pyarrow.ArrowInvalid:
        return False
    return True
