"""The text of one file: decompressed, guarded, ended in a way that a parser can prove."""

from __future__ import annotations

import codecs
import io
from collections.abc import Callable
from typing import Any

import numpy
import pyarrow

from contracts.manifest import Compression
from gpu_jobs.errors import RejectedError

BLOCK_BYTES = 4 << 20
"""The longest row, and how much is read at a time of a text that is not cut into pieces."""

MAX_EXPANSION = 200
"""Text shrinks 3 to 20 times, at most about 100; only a bomb goes on beyond."""

EXPANSION_FREE_BYTES = 1 << 30
"""Up to this size any expansion is let through: it fits everywhere."""


class TextStream(io.RawIOBase):
    """The decompressed bytes of `raw`, then `ending`.

    Reading raises RejectedError for a broken or exploding archive and for NUL bytes, which no
    text holds but which the parsers would take. `name` is the object's key, for `where`.
    """

    def __init__(
        self, raw: io.RawIOBase, compression: Compression, name: str, ending: bytes = b""
    ) -> None:
        super().__init__()
        self._raw = _CountingStream(raw)
        self._compression = compression
        self._name = name
        self._ending = ending
        self._unread = b""
        self._size = 0
        self._decoded: Any = self._raw
        if compression is not Compression.NONE:
            source = pyarrow.PythonFile(self._raw, mode="r")
            self._decoded = pyarrow.CompressedInputStream(source, compression.value)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill `buffer`, which is left in part as it was only at the end.

        A parser takes what one read gives for a block, so this gives as much as it can.
        """
        view = memoryview(buffer)
        size = len(view)
        self._unread, view = _moved(self._unread, view)
        while view and (count := self._decode(view[:BLOCK_BYTES])):
            view = view[count:]
        self._ending, view = _moved(self._ending, view)
        return size - len(view)

    def read(self, size: int | None = -1) -> bytes:
        """`size` bytes, fewer at the end and so that no CRLF is parted; without it all the rest.

        Where a block ends with CR and the next begins with LF, pyarrow drops the LF, which may
        belong to a cell.
        """
        if size is None or size < 0:
            return b"".join(iter(lambda: self.read(BLOCK_BYTES), b""))
        block = bytearray(size)
        count = self.readinto(block)
        if count == size > 1 and block.endswith(b"\r"):
            count -= 1
            self.unread(b"\r")
        return bytes(memoryview(block)[:count])

    def unread(self, text: bytes) -> None:
        """Put back what was read last."""
        self._unread = text + self._unread

    def _decode(self, view: memoryview) -> int:
        try:
            count: int = self._decoded.readinto(view)
        except OSError as error:
            if self._compression is Compression.NONE:
                raise
            raise RejectedError(
                f"corrupt_{self._compression.value}",
                f"The {self._compression.value} stream is damaged or was cut off after "
                f"{self._size:,} bytes of text ({error}). Compress and upload it again.",
                self._name,
            ) from error
        if count:
            self._guard(numpy.frombuffer(view[:count], numpy.uint8))
            self._size += count
        return count

    def _guard(self, characters: Any) -> None:
        if not characters.min():
            raise RejectedError(
                "nul_byte",
                "A NUL byte stands in the text: the file is binary or damaged. Upload CSV, "
                "JSON Lines or Parquet.",
                f"byte {self._size + int(characters.argmin())} of {self._name}",
            )
        size = self._size + len(characters)
        if size > max(EXPANSION_FREE_BYTES, MAX_EXPANSION * self._raw.size):
            raise RejectedError(
                "expands_too_far",
                f"{self._raw.size:,} bytes unpack to {size:,} and more, over {MAX_EXPANSION} "
                "times as many. Upload the text as it is, or as Parquet.",
                self._name,
            )


def _moved(text: bytes, view: memoryview) -> tuple[bytes, memoryview]:
    """Move of `text` what fits into `view`: what is left of both."""
    count = min(len(text), len(view))
    view[:count] = text[:count]
    return text[count:], view[count:]


class _CountingStream(io.RawIOBase):
    """Counts the bytes that pass."""

    def __init__(self, raw: io.RawIOBase) -> None:
        super().__init__()
        self._raw = raw
        self.size = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1) -> bytes:
        chunk = self._raw.read(-1 if size is None else size) or b""
        self.size += len(chunk)
        return chunk

    def readinto(self, buffer: Any) -> int:
        count = self._raw.readinto(buffer) or 0
        self.size += count
        return count


OpenText = Callable[..., TextStream]
"""`(source, ending=b"") -> TextStream`: the text of a source from its start."""


def invalid_utf8_offset(text: TextStream) -> int | None:
    """The offset of the first byte that is not UTF-8, or None. Reads the text to its end."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    offset = 0
    while True:
        chunk = text.read(1 << 20)
        pending = len(decoder.getstate()[0])
        try:
            decoder.decode(chunk, final=not chunk)
        except UnicodeDecodeError as error:
            return offset - pending + error.start
        if not chunk:
            return None
        offset += len(chunk)
