"""On which line of a file a CSV record begins."""

from __future__ import annotations

from collections.abc import Iterable, Iterator


class LineFinder:
    """Walks once through the lines of a CSV text, as records are asked for in rising order.

    Record 1 is the header. Blank lines are no records, and a quoted field may span lines.
    """

    def __init__(self, lines: Iterable[bytes]) -> None:
        self._starts = _record_starts(lines)
        self._record = 0
        self._start = (0, b"")

    def line(self, record: int, text: str | None = None) -> int | None:
        """The line on which `record` begins, from 1.

        None when the lines do not tell (bare CR, stray quotation marks), which the record's
        own `text` proves where it is given.
        """
        while self._record < record:
            start = next(self._starts, None)
            if start is None:
                return None
            self._record += 1
            self._start = start
        number, line = self._start
        known = text is None or line.startswith(text.split("\n")[0].encode())
        return number if known else None


def _record_starts(lines: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    quoted = False
    for number, line in enumerate(lines, start=1):
        if not quoted and line.strip(b"\r\n"):
            yield number, line
        if line.count(b'"') % 2:
            quoted = not quoted
