"""Whether a file of a folder has the columns that were validated, in whatever order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from gpu_jobs.errors import RejectedError
from gpu_jobs.wording import quoted


def check_names(found: Sequence[str], expected: Sequence[str], key: str) -> None:
    """Raises RejectedError, with the first difference, unless both are the same names."""
    for name in Counter(expected) - Counter(found):
        raise mismatch(f"Column {quoted(name)} was validated and is missing.", key)
    for name in Counter(found) - Counter(expected):
        raise mismatch(f"Column {quoted(name)} is one more than was validated.", key)


def mismatch(difference: str, key: str) -> RejectedError:
    """The exception to raise for the file under `key`."""
    return RejectedError(
        "schema_mismatch", f"{difference} All files of a folder need the same columns.", key
    )
