"""The text of one file: decompressed, guarded, ended in a way that a parser can prove."""

from __future__ import annotations

import codecs
import io
import sys
from collections.abc import Callable
from typing import Any

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

    def read(self, size: int | None = -1) -> bytes:
        """`size` bytes, fewer only at the end; all the rest when it is not given.

        A parser takes what one read gives for a block, so this gives as much as it can.
        """
        wanted = sys.maxsize if size is None or size < 0 else size
        pieces = [self._unread[:wanted]]
        self._unread = self._unread[wanted:]
        wanted -= len(pieces[0])
        while wanted and (piece := self._decode(min(wanted, BLOCK_BYTES))):
            self._guard(piece)
            self._size += len(piece)
            wanted -= len(piece)
            pieces.append(piece)
        pieces.append(self._ending[:wanted])
        self._ending = self._ending[wanted:]
        # Of a single one joining makes no copy.
        return b"".join([piece for piece in pieces if piece])

    def readinto(self, buffer: Any) -> int:
        chunk = self.read(len(buffer))
        buffer[: len(chunk)] = chunk
        return len(chunk)

    def unread(self, text: bytes) -> None:
        """Put back what was read last."""
        self._unread = text + self._unread

    def _decode(self, size: int) -> bytes:
        try:
            chunk: bytes = self._decoded.read(size)
        except OSError as error:
            if self._compression is Compression.NONE:
                raise
            raise RejectedError(
                f"corrupt_{self._compression.value}",
                f"The {self._compression.value} stream is damaged or was cut off after "
                f"{self._size:,} bytes of text ({error}). Compress and upload it again.",
                self._name,
            ) from error
        return chunk

    def _guard(self, chunk: bytes) -> None:
        nul = chunk.find(b"\0")
        if nul >= 0:
            raise RejectedError(
                "nul_byte",
                "A NUL byte stands in the text: the file is binary or damaged. Upload CSV, "
                "JSON Lines or Parquet.",
                f"byte {self._size + nul} of {self._name}",
            )
        size = self._size + len(chunk)
        if size > max(EXPANSION_FREE_BYTES, MAX_EXPANSION * self._raw.size):
            raise RejectedError(
                "expands_too_far",
                f"{self._raw.size:,} bytes unpack to {size:,} and more, over {MAX_EXPANSION} "
                "times as many. Upload the text as it is, or as Parquet.",
                self._name,
            )


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
