from __future__ import annotations

import gzip
import io
import itertools

import pytest

pytest.importorskip("pyarrow")
zstandard = pytest.importorskip("zstandard")

from contracts.manifest import Compression  # noqa: E402
from gpu_jobs.errors import RejectedError  # noqa: E402
from gpu_jobs.readers.text_stream import TextStream, invalid_utf8_offset  # noqa: E402

TEXT = b"".join(b"%d,some text\n" % i for i in range(50_000))


def stream(data, compression=Compression.NONE, ending=b""):
    return TextStream(io.BytesIO(data), compression, "input/f", ending)


def checksummed(data):
    return zstandard.ZstdCompressor(write_checksum=True).compress(data)


@pytest.mark.parametrize(
    ("data", "compression"),
    [
        (TEXT, Compression.NONE),
        (gzip.compress(TEXT), Compression.GZIP),
        (gzip.compress(TEXT[:999]) + gzip.compress(TEXT[999:]), Compression.GZIP),
        (checksummed(TEXT), Compression.ZSTD),
        (checksummed(TEXT[:999]) + checksummed(TEXT[999:]), Compression.ZSTD),
    ],
    ids=["plain", "gzip", "gzip of two members", "zstd", "zstd of two frames"],
)
@pytest.mark.parametrize("size", [-1, 1000, 1 << 20])
def test_the_text_is_followed_by_the_ending_in_full_reads(data, compression, size):
    text = stream(data, compression, b"END")
    pieces = []
    while piece := text.read(size):
        pieces.append(piece)
    assert b"".join(pieces) == TEXT + b"END"
    assert all(len(piece) == size for piece in pieces[:-1])


@pytest.mark.parametrize("size", range(1, 9))
def test_no_read_parts_a_line_end(size):
    data = b"a\r\nbc\r\n\r\nd\re\r"
    text = stream(data, ending=b"\n")
    blocks = list(iter(lambda: text.read(size), b""))
    assert b"".join(blocks) == data + b"\n"
    assert size == 1 or not [
        a for a, b in itertools.pairwise(blocks) if a.endswith(b"\r") and b[:1] == b"\n"
    ]


@pytest.mark.parametrize("compress", [gzip.compress, checksummed], ids=["gzip", "zstd"])
@pytest.mark.parametrize("damage", ["cut off", "flipped checksum", "cut off in the checksum"])
def test_a_damaged_stream_is_rejected(compress, damage):
    compression = Compression.GZIP if compress is gzip.compress else Compression.ZSTD
    data = bytearray(compress(TEXT))
    if damage == "flipped checksum":
        data[-5 if compression is Compression.GZIP else -1] ^= 1
    else:
        del data[-2 if damage == "cut off in the checksum" else -1000 :]
    with pytest.raises(RejectedError) as rejected:
        stream(bytes(data), compression).read()
    assert rejected.value.problem.code == f"corrupt_{compression.value}"


def test_a_bomb_is_stopped_at_the_ratio(monkeypatch):
    monkeypatch.setattr("gpu_jobs.readers.text_stream.EXPANSION_FREE_BYTES", 1 << 20)
    bomb = gzip.compress(b"a" * (8 << 20))
    text = stream(bomb, Compression.GZIP)
    with pytest.raises(RejectedError) as rejected:
        list(iter(lambda: text.read(1 << 16), b""))
    assert rejected.value.problem.code == "expands_too_far"


def test_text_that_shrinks_as_text_does_is_no_bomb(monkeypatch):
    monkeypatch.setattr("gpu_jobs.readers.text_stream.EXPANSION_FREE_BYTES", 1)
    assert stream(gzip.compress(TEXT), Compression.GZIP).read() == TEXT


def test_a_nul_byte_is_rejected_with_its_offset():
    text = stream(b"x" * 1000 + b"\0")
    with pytest.raises(RejectedError) as rejected:
        list(iter(lambda: text.read(300), b""))
    assert (rejected.value.problem.code, rejected.value.problem.where) == (
        "nul_byte",
        "byte 1000 of input/f",
    )


@pytest.mark.parametrize(
    ("data", "offset"),
    [
        ("zażółć".encode(), None),
        (b"abc\xff", 3),
        ("żó".encode() + b"\xc3", 4),
        (b"a" * ((1 << 20) - 1) + b"\xc3(", (1 << 20) - 1),
    ],
    ids=["valid", "invalid byte", "cut off at the end", "across two reads"],
)
def test_the_first_byte_that_is_not_utf_8_is_found(data, offset):
    assert invalid_utf8_offset(stream(data)) == offset
