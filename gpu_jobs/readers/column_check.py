"""Whether the columns are those that were validated, and asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from contracts.manifest import Column, Manifest
from contracts.wording import quoted
from gpu_jobs.errors import RejectedError


def check_names(found: Sequence[str], expected: Sequence[str], key: str) -> None:
    """Raises RejectedError, with the first difference, unless both are the same names."""
    for name in Counter(expected) - Counter(found):
        raise mismatch(f"Column {quoted(name)} was validated and is missing.", key)
    for name in Counter(found) - Counter(expected):
        raise mismatch(f"Column {quoted(name)} is one more than was validated.", key)


def text_warning(manifest: Manifest, name: str, cell: str, place: str) -> str:
    """What to say of a column that has become text by `cell`.

    Raises RejectedError for one that somebody asked to have normalized.
    """
    if name in manifest.options.columns:
        raise RejectedError(
            "not_numeric",
            f"columns names {quoted(name)}, in which {quoted(cell)} is no number. Correct it, or "
            "take the column out of columns.",
            place,
        )
    is_number = cell.lstrip(" \t+-.")[:1].isdigit()
    if (
        is_number
        and Column(name, "bool") not in manifest.columns
        and name not in manifest.normalize
    ):
        # The cell alone need not be the reason: 1.5 after a whole number that no double holds.
        return (
            f"Column {quoted(name)} is read as text, since numbers would not keep all that is "
            f"written up to {quoted(cell)} in {place}."
        )
    what = "is read as text" + (", and not normalized" if name in manifest.normalize else "")
    return f"Column {quoted(name)} {what}: {quoted(cell)} stands in {place}."


def mismatch(difference: str, key: str) -> RejectedError:
    """The exception to raise for the file under `key`."""
    return RejectedError(
        "schema_mismatch", f"{difference} All files of a folder need the same columns.", key
    )
