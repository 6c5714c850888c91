"""Rows that are kept aside: one JSON object a line, with the place and the reason."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from contracts.codec import to_json

MAX_TEXT = 10_000
"""Characters of a bad row that are kept: enough to find it, whatever it swallowed."""


@dataclass(frozen=True)
class BadRow:
    """`line` counts from 1 in the file `file`; None when quoted line breaks hide it."""

    file: str
    line: int | None
    reason: str
    text: str

    @property
    def where(self) -> str:
        return self.file if self.line is None else f"line {self.line} of {self.file}"


class Quarantine:
    """The bad rows of one reading of a dataset, in a local file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.clear()

    def clear(self) -> None:
        """Forget all rows: the dataset is read again from its start."""
        self.count = 0
        self.first: BadRow | None = None
        self.path.unlink(missing_ok=True)

    def add(self, rows: Iterable[BadRow]) -> None:
        """Keep `rows` aside."""
        with self.path.open("a", encoding="utf-8") as lines:
            for row in rows:
                self.first = self.first or row
                self.count += 1
                lines.write(to_json(row) + "\n")
