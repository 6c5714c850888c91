"""Where the records of a CSV text end, so that it can be parsed in pieces side by side."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy

from gpu_jobs.readers.text_stream import TextStream

PIECE_BYTES = 4 << 20
PIECE_BYTES_PER_COLUMN = 8 << 10
"""What is parsed of so little stays near the cores, and its memory is soon used again; wide rows
need more, since each piece costs some time for each column."""

FIRST_BYTES = 64 << 10
"""The first piece is smaller: until its header is known the other cores have nothing to do."""

_QUOTE, _LINE_FEED, _CARRIAGE_RETURN = b'"\n\r'


@dataclass(frozen=True)
class Piece:
    """Whole records; `quoted` is whether a quotation mark may be among them."""

    text: memoryview
    quoted: bool


def pieces(text: TextStream, delimiter: str, columns: int) -> Iterator[Piece]:
    """The text, of so many columns, in pieces of whole records while their ends are known.

    What is left of `text` then is nothing, or begins with the first record whose end is not: its
    quotation marks are irregular or never closed, it is longer than a piece, or no line feed ends
    it.
    """
    size = max(PIECE_BYTES, PIECE_BYTES_PER_COLUMN * columns)
    waiting = _beginning(text, min(FIRST_BYTES, size))
    if not records_end(waiting, delimiter):
        waiting = _read_on(waiting, text, size)
    while waiting:
        quoted = b'"' in waiting
        end = records_end(waiting, delimiter) if quoted else waiting.rfind(b"\n") + 1
        if not end:
            break
        yield Piece(memoryview(waiting)[:end], quoted)
        waiting = _read_on(waiting[end:], text, size)
    text.unread(bytes(waiting))


def _beginning(text: TextStream, size: int) -> bytearray:
    """The first bytes of the text; blank lines are no records, and not only they may be there."""
    waiting = _read_on(bytearray(), text, size).removeprefix(codecs.BOM_UTF8)
    while waiting and not (begun := waiting.lstrip(b"\r\n")):
        waiting = _read_on(begun, text, size)
    return waiting.lstrip(b"\r\n")


def _read_on(waiting: bytearray, text: TextStream, size: int) -> bytearray:
    """`waiting` and up to `size` bytes of `text`, in new memory."""
    buffer = bytearray(len(waiting) + size)
    buffer[: len(waiting)] = waiting
    count = text.readinto(memoryview(buffer)[len(waiting) :])
    del buffer[len(waiting) + count :]
    return buffer


def records_end(text: bytes | bytearray, delimiter: str) -> int:
    """How many bytes of `text`, which begins with a record, are records that surely end there.

    A parser takes a quotation mark for one only where a field begins or within quotes. So when
    all of them, counted from 0, open a field (even) or close it or are doubled in it (odd), an
    even number of them stands before each line feed that ends a record. The first one that does
    neither ends what can be told.
    """
    quotes, end = _regular_quotes(text, delimiter)
    while (line_feed := text.rfind(b"\n", 0, end)) >= 0:
        before = int(numpy.searchsorted(quotes, line_feed))
        if before % 2 == 0:
            return line_feed + 1
        end = int(quotes[before - 1])
    return 0


def _regular_quotes(text: bytes | bytearray, delimiter: str) -> tuple[Any, int]:
    """Where the quotation marks stand, and the first of them that is irregular, or the end."""
    # One more line end on either side: a record begins here, and what follows is not known yet.
    characters = numpy.frombuffer(b"\n" + text + b"\n", numpy.uint8)
    quotes = numpy.flatnonzero(characters[1:-1] == _QUOTE)
    edges = [ord(delimiter), _LINE_FEED, _CARRIAGE_RETURN, _QUOTE]
    before = characters[quotes[0::2]]
    after = characters[quotes[1::2] + 2]
    irregular = numpy.concatenate(
        [quotes[0::2][~numpy.isin(before, edges)], quotes[1::2][~numpy.isin(after, edges)]]
    )
    return quotes, int(irregular.min()) if len(irregular) else len(text)
