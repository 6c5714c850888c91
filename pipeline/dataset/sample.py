"""The beginning of a text file: unpacked, decoded, and never more of it than the window."""

from __future__ import annotations

import codecs
import os
from dataclasses import dataclass
from typing import Protocol

from contracts.manifest import Compression
from pipeline.dataset.limits import SAMPLE_BYTES
from pipeline.dataset.problems import rejected

MAGIC = {Compression.GZIP: b"\x1f\x8b", Compression.ZSTD: b"\x28\xb5\x2f\xfd"}

_UNPACK_STEP = 1 << 16
_UTF32_MARKS = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)
FEWEST_BYTES_OF_UTF16 = 16
_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class File(Protocol):
    """A seekable binary file; `read` gives fewer bytes than asked for only at the end."""

    def read(self, size: int = ..., /) -> bytes: ...

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int: ...


@dataclass(frozen=True)
class Sample:
    """The first bytes of a file; `complete` when they are all there are."""

    data: bytes
    complete: bool
    compression: Compression = Compression.NONE


@dataclass(frozen=True)
class Text:
    """A decoded sample without byte order mark. It may end anywhere unless it is `complete`."""

    text: str
    complete: bool


def compression_of(data: bytes) -> Compression:
    """What the magic number at the beginning of `data` says."""
    return next((c for c, magic in MAGIC.items() if data.startswith(magic)), Compression.NONE)


def unpack(sample: Sample) -> Sample:
    """The sample without its compression, cut off at SAMPLE_BYTES, whatever the ratio.

    Raises InputRejected when the stream is damaged, or ends too early although it is complete.
    """
    compression = compression_of(sample.data)
    if compression is Compression.NONE:
        return sample
    import pyarrow as pa

    stream = pa.CompressedInputStream(pa.BufferReader(sample.data), compression.value)
    unpacked = bytearray()
    complete = sample.complete
    try:
        while len(unpacked) < SAMPLE_BYTES:
            piece = stream.read(_UNPACK_STEP)
            if not piece:
                break
            unpacked += piece
        else:
            complete = False
    except OSError as error:
        _check_unpacking(str(error), sample, compression)
    return Sample(bytes(unpacked), complete, compression)


def _check_unpacking(reason: str, sample: Sample, compression: Compression) -> None:
    if "Truncated" in reason and not sample.complete:
        return
    raise rejected(
        f"corrupt_{compression.value}",
        f"The {compression.value} stream is damaged or was cut off ({reason}). Compress and upload "
        "it again.",
    )


def decode(sample: Sample) -> Text:
    """The sample as text. Raises InputRejected unless it is UTF-8 without NUL bytes."""
    _check_unicode_form(sample.data)
    nul = sample.data.find(b"\0")
    if nul >= 0:
        raise rejected(
            "nul_byte",
            "A NUL byte stands in the text: the file is binary or damaged. Upload CSV, "
            "JSON Lines or Parquet.",
            f"byte {nul}",
        )
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(sample.data, final=sample.complete)
    except UnicodeDecodeError as error:
        line = sample.data.count(b"\n", 0, error.start) + 1
        raise rejected(
            "encoding",
            f"The text is not UTF-8: byte 0x{sample.data[error.start]:02x} cannot stand there. If "
            "it is Latin-1 or Windows-1252, `iconv -f WINDOWS-1252 -t UTF-8` converts it.",
            f"line {line}, byte {error.start}",
        ) from error
    return Text(text.removeprefix("\ufeff"), sample.complete)


def _check_unicode_form(data: bytes) -> None:
    if data.startswith(_UTF32_MARKS):
        form = "UTF-32"
    elif data.startswith(_UTF16_MARKS) or _every_other_byte_is_nul(data[:1000]):
        form = "UTF-16"
    else:
        return
    raise rejected(
        "encoding",
        f"The text is {form}, and only UTF-8 is read. `iconv -f {form} -t UTF-8` converts it; "
        "Excel offers it as 'CSV UTF-8'.",
        "byte 0",
    )


def _every_other_byte_is_nul(data: bytes) -> bool:
    """As in UTF-16 of mostly Latin letters that has no byte order mark."""
    if len(data) < FEWEST_BYTES_OF_UTF16:
        return False
    halves = (data[0::2], data[1::2])
    shares = sorted(half.count(0) / max(1, len(half)) for half in halves)
    return shares[0] < 0.1 and shares[1] > 0.5
