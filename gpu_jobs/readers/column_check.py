"""Whether the columns are those that were validated, and asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from contracts.manifest import Manifest
from contracts.wording import quoted
from gpu_jobs.errors import RejectedError


def check_names(found: Sequence[str], expected: Sequence[str], key: str) -> None:
    """Raises RejectedError, with the first difference, unless both are the same names."""
    for name in Counter(expected) - Counter(found):
        raise mismatch(f"Column {quoted(name)} was validated and is missing.", key)
    for name in Counter(found) - Counter(expected):
        raise mismatch(f"Column {quoted(name)} is one more than was validated.", key)


def text_warning(
    manifest: Manifest, name: str, cell: str, place: str, is_number: bool = False
) -> str:
    """What to say of a column that has become text by `cell`.

    `is_number` if that is a number which a column of numbers that pass through cannot keep.
    Raises RejectedError for one that somebody asked to have normalized.
    """
    if name in manifest.options.columns:
        raise RejectedError(
            "not_numeric",
            f"columns names {quoted(name)}, in which {quoted(cell)} is no number. Correct it, or "
            "take the column out of columns.",
            place,
        )
    if is_number:
        # The cell alone need not be the reason: 1.5 after a whole number that no double holds.
        return (
            f"Column {quoted(name)} is read as text: no type of number keeps every value up to "
            f"{quoted(cell)} in {place} as it is written."
        )
    what = "is read as text" + (", and not normalized" if name in manifest.normalize else "")
    return f"Column {quoted(name)} {what}: {quoted(cell)} stands in {place}."


def mismatch(difference: str, key: str) -> RejectedError:
    """The exception to raise for the file under `key`."""
    return RejectedError(
        "schema_mismatch", f"{difference} All files of a folder need the same columns.", key
    )
