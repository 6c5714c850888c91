"""Inputs that must end well: refused with a reason and a place, or completed and told of."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import math
import resource
import time
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.parquet.encryption as encryption
import pytest
import zstandard

from pipeline.model import Status
from tests.inputs.conftest import Uploader

HEADER = b"city,fare\n"
ROWS = b"".join(b"c%d,%d.5\n" % (n % 3, n) for n in range(100))
GOOD = HEADER + ROWS


def parquet(table: pa.Table, **options: object) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, **options)
    return sink.getvalue()


NUMBERS = pa.table({"x": np.random.default_rng(1).random(20_000), "g": ["a", "b"] * 10_000})


def flipped(data: bytes, at: int) -> bytes:
    damaged = bytearray(data)
    damaged[at] ^= 0xFF
    return bytes(damaged)


class NoKeys(encryption.KmsClient):
    """Keys that everybody may read, since nobody here is to get as far as asking for them."""

    def wrap_key(self, key: bytes, master_key_identifier: str) -> bytes:
        return key


def with_encrypted_column() -> bytes:
    keys = encryption.EncryptionConfiguration(
        footer_key="footer", column_keys={"column": ["g"]}, plaintext_footer=True
    )
    factory = encryption.CryptoFactory(lambda _: NoKeys())
    connection = encryption.KmsConnectionConfig()
    return parquet(
        NUMBERS, encryption_properties=factory.file_encryption_properties(connection, keys)
    )


def nested_gzip() -> bytes:
    return gzip.compress(gzip.compress(GOOD))


# What is refused: its bytes, its key's name, the code, and what the place says.
REFUSED: dict[str, tuple[bytes | Callable[[], bytes], str, str, str | None]] = {
    "zero bytes": (b"", "a.csv", "empty", None),
    "header only": (HEADER, "a.csv", "no_rows", None),
    "blank lines only": (b"\n\n\n", "a.csv", "empty", None),
    "Latin-1": (HEADER + "Zürich,1\n".encode("latin-1"), "a.csv", "encoding", "byte 11"),
    "NUL bytes": (HEADER + b"a,1\n" + b"b\0,2\n", "a.csv", "nul_byte", "byte 15"),
    "every row one field too long": (
        HEADER + b"a,1,2\n" * 100,
        "a.csv",
        "ragged_rows",
        "line 2",
    ),
    "duplicate headers": (b"a,a\n1,2\n", "a.csv", "duplicate_header", None),
    "blank header": (b"a,,b\n1,2,3\n", "a.csv", "blank_header", "line 1"),
    "unterminated quote": (HEADER + b'a,1\n"b,2\n' + ROWS * 10, "a.csv", "unterminated_quote", "3"),
    "a field of 50 MB": (
        HEADER + b"a," + b"9" * (50 << 20) + b"\n",
        "a.csv",
        "field_too_large",
        None,
    ),
    "a million columns": (
        lambda: b",".join(b"c%d" % n for n in range(1_000_000)) + b"\n",
        "a.csv",
        "too_many_columns",
        None,
    ),
    "Parquet cut off": (lambda: parquet(NUMBERS)[:-3000], "a.parquet", "truncated", "footer"),
    "Parquet with a flipped byte": (
        lambda: flipped(parquet(NUMBERS, write_page_checksum=True, compression="none"), 5000),
        "a.parquet",
        "corrupt_parquet",
        "row group 0",
    ),
    "Parquet with an encrypted column": (
        with_encrypted_column,
        "a.parquet",
        "unsupported_parquet",
        "row group 0",
    ),
    "gzip cut off": (lambda: gzip.compress(GOOD)[:-9], "a.csv.gz", "corrupt_gzip", None),
    "gzip with a bad checksum": (
        lambda: flipped(gzip.compress(GOOD), -6),
        "a.csv.gz",
        "corrupt_gzip",
        None,
    ),
    "gzip within gzip": (nested_gzip, "a.csv.gz", "unsupported_format", None),
    "bzip2": (bz2.compress(GOOD), "a.csv.bz2", "unsupported_format", None),
    "zstd cut off": (
        lambda: zstandard.compress(GOOD * 50)[:-9],
        "a.csv.zst",
        "corrupt_zstd",
        None,
    ),
    "no numbers": (b"a,b\nx,y\nz,w\n", "a.csv", "no_numeric_column", None),
    "a picture": (
        b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 10,
        "a.csv",
        "unsupported_format",
        None,
    ),
    "JSON that is no object": (b"[1, 2]\n[3, 4]\n" * 50, "a.jsonl", "unsupported_format", "line 1"),
    "JSON that is one document": (
        lambda: json.dumps([{"a": n} for n in range(100)], indent=1).encode(),
        "a.json",
        "unsupported_format",
        None,
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_says_why_and_where(upload: Uploader, case: str) -> None:
    made, name, code, place = REFUSED[case]
    data = made() if callable(made) else made
    started = time.monotonic()
    ending = upload(data, f"input/{name}")
    assert ending.code == code, ending
    assert ending.error is not None
    if place:
        assert ending.error.where is not None
        assert place in ending.error.where
    assert len(ending.error.message) < 700
    assert time.monotonic() - started < 20


SAME = {
    "with a byte order mark": b"\xef\xbb\xbf" + GOOD,
    "with CRLF": GOOD.replace(b"\n", b"\r\n"),
    "with bare CR": GOOD.replace(b"\n", b"\r"),
    "with semicolons": GOOD.replace(b",", b";"),
    "with tabs": GOOD.replace(b",", b"\t"),
    "with bars": GOOD.replace(b",", b"|"),
    "in gzip": gzip.compress(GOOD),
    "in two gzip members": gzip.compress(GOOD[:333]) + gzip.compress(GOOD[333:]),
    "in zstd": zstandard.compress(GOOD),
    "in UTF-16": GOOD.decode().encode("utf-16"),
    "without a last line end": GOOD[:-1],
    "with blank lines": GOOD.replace(b"\nc1", b"\n\n\nc1"),
}


@pytest.mark.parametrize("case", SAME)
def test_the_same_rows_have_the_same_result(upload: Uploader, case: str) -> None:
    expected = upload(GOOD)
    ending = upload(SAME[case], "input/other.csv")
    if case == "in UTF-16" and ending.code is not None:
        assert ending.code == "encoding"
        return
    assert ending.code is None, ending.error
    assert ending.table.equals(expected.table)


def test_a_csv_that_is_parquet_is_read_by_its_content(upload: Uploader) -> None:
    assert upload(parquet(NUMBERS), "input/a.csv").table.num_rows == 20_000
    assert upload(GOOD, "input/a.parquet").table.num_rows == 100


def test_single_bad_rows_are_kept_aside_with_line_and_text(upload: Uploader) -> None:
    ending = upload(HEADER + ROWS + b"long,1,2\nshort\n" + ROWS)
    assert ending.table.num_rows == 200
    assert [(row["line"], row["text"]) for row in ending.quarantine] == [
        (102, "long,1,2"),
        (103, "short"),
    ]
    assert any("kept aside" in warning for warning in ending.warnings)


def test_a_line_end_within_quotes_is_no_row(upload: Uploader) -> None:
    ending = upload(HEADER + b'"two\nlines",1\n' * 50)
    assert ending.column("city") == ["two\nlines"] * 50


def test_a_column_of_mixed_types_stays_text_with_a_warning(upload: Uploader) -> None:
    mixed = b"".join(b"%d,%s\n" % (n, b"x" if n == 90_000 else b"7") for n in range(100_000))
    ending = upload(b"a,b\n" + mixed)
    assert ending.column("b")[89_999:90_001] == ["7", "x"]
    assert any("'b'" in warning for warning in ending.warnings)


def test_na_is_a_country(upload: Uploader) -> None:
    ending = upload(b"country,x\n" + b"NA,1\nDE,2\n" * 20)
    assert ending.column("country") == ["NA", "DE"] * 20


def test_a_column_without_values_and_a_constant_one(upload: Uploader) -> None:
    ending = upload(b"x,empty,fixed\n" + b"1,,7\n2,,7\n" * 20)
    assert ending.metrics is not None
    fixed = ending.metrics.columns["fixed"]
    assert (fixed.std, set(ending.column("fixed"))) == (0.0, {0.0})
    assert set(ending.column("empty")) <= {None, ""}


def test_what_is_not_finite_is_counted_apart(upload: Uploader) -> None:
    ending = upload(b"x\n" + b"1\n2\ninf\n-inf\nnan\n1e400\n" * 10)
    assert ending.metrics is not None
    x = ending.metrics.columns["x"]
    assert (x.count, x.nulls, x.non_finite) == (20, 10, 30)
    assert ending.column("x")[2:6] == [None] * 4


def test_whole_numbers_beyond_a_doubles_digits_are_exact_or_refused(upload: Uploader) -> None:
    rows = b"9007199254740993,1\n9223372036854775807,2\n,3\n" * 10
    ending = upload(b"id,x\n" + rows, exclude="id")
    assert [str(v) if v is not None else None for v in ending.column("id")[:3]] in (
        ["9007199254740993", "9223372036854775807", None],
        ["9007199254740993", "9223372036854775807", ""],
    )
    beyond = upload(b"id,x\n" + b"9223372036854775808,1\n5,2\n" * 10, "input/b.csv", exclude="id")
    assert str(beyond.column("id")[0]) == "9223372036854775808"


def test_codes_keep_their_leading_zeros_where_they_pass_through(upload: Uploader) -> None:
    data = b"zip,x\n" + b"02134,1\n10001,2\n,3\n" * 10
    kept = upload(data, exclude="zip")
    assert kept.column("zip")[:3] == ["02134", "10001", ""]
    normalized = upload(data, "input/b.csv", columns="zip")
    assert normalized.metrics is not None
    assert normalized.metrics.columns["zip"].minimum == 2134


def test_a_decimal_comma_is_text_with_a_warning(upload: Uploader) -> None:
    ending = upload(b"a;b\n" + b"1,5;2\n2,5;3\n" * 20)
    assert ending.column("a")[:2] == ["1,5", "2,5"]


def test_formulas_are_left_as_they_are(upload: Uploader) -> None:
    ending = upload(b"a,x\n" + b"=1+1,1\n+a,2\n-b,3\n@c,4\n" * 10)
    assert ending.column("a")[:4] == ["=1+1", "+a", "-b", "@c"]


@pytest.mark.parametrize(("power", "digits"), [(6, 8.5), (7, 7.5)])
def test_numacc_keeps_its_digits(upload: Uploader, power: int, digits: float) -> None:
    base = 10**power
    lines = [f"{base}.2"] + [f"{base}.{(1, 3)[n % 2]}" for n in range(1000)]
    ending = upload(("x\n" + "\n".join(lines) + "\n").encode())
    assert ending.metrics is not None
    x = ending.metrics.columns["x"]
    assert x.mean == pytest.approx(base + 0.2, rel=1e-14)
    assert x.std is not None
    sample = x.std * math.sqrt(1001 / 1000)
    assert -math.log10(abs(sample - 0.1) / 0.1 + 1e-16) > digits


def test_types_that_cannot_be_normalized_pass_through_exactly(upload: Uploader) -> None:
    table = pa.table(
        {
            "x": [1.0, 2.0] * 10,
            "nested": [{"a": 1, "b": [1, 2]}] * 20,
            "price": pa.array([Decimal("1.10")] * 20, pa.decimal128(20, 2)),
            "at": pa.array([1_700_000_000_123_456_789] * 20, pa.timestamp("ns", "UTC")),
            "day": [datetime(2024, 2, 29, tzinfo=UTC)] * 20,
        }
    )
    ending = upload(parquet(table), "input/a.parquet", columns="x")
    for name in ("nested", "price", "at", "day"):
        assert ending.table[name].equals(table[name])


def test_bad_lines_of_json_are_kept_aside(upload: Uploader) -> None:
    good = b'{"a": 1, "b": "x"}\n{"a": 2, "b": "y"}\n' * 50
    bad = b'{"a": \n' + b'{"a": NaN, "b": "z"}\n' + b'{"a": 3, "a": 4}\n' + b"[" * 3000 + b"\n"
    ending = upload(good + bad + good, "input/a.jsonl")
    assert ending.table.num_rows >= 200
    assert 101 in [row["line"] for row in ending.quarantine]
    assert 104 in [row["line"] for row in ending.quarantine]


def test_a_gzip_bomb_is_capped(upload: Uploader) -> None:
    zeros = gzip.compress(b"x\n" + b"1\n" * (3 << 20))
    assert upload(zeros, "input/small.csv.gz").table.num_rows == 3 << 20
    with io.BytesIO() as packed:
        with gzip.open(packed, "wb") as bomb:
            bomb.write(b"x\n")
            for _ in range(130):
                bomb.write(b"1\n" * (4 << 20))
        data = packed.getvalue()
    assert len(data) < 4 << 20
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    ending = upload(data, "input/bomb.csv.gz")
    assert ending.code == "expands_too_far"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1_500_000


KEYS = [
    "input/../../etc/passwd.csv",
    "input/a b+c%20d.csv",
    "input/ü.csv",
    "input/ü.csv",
    "input/new\nline.csv",
    "input/" + "k" * 1000 + ".csv",
    "input/'\"$(touch x);`.csv",
]


@pytest.mark.parametrize("key", KEYS, ids=range(len(KEYS)))
def test_hostile_keys_come_back_as_they_were(upload: Uploader, key: str) -> None:
    ending = upload(GOOD, key)
    assert ending.code is None, ending.error
    assert ending.job.source.key == key
    assert ending.job.job_id.replace("-", "").isalnum()


def test_what_was_deleted_before_it_was_processed_is_gone(upload: Uploader) -> None:
    sent = upload.put(GOOD, "input/a.csv")
    upload.s3.delete_object(Bucket="ingest", Key=sent.key, VersionId=sent.version_id)
    assert upload.end(sent).code == "gone"


def test_what_is_deleted_after_validation_is_gone(upload: Uploader) -> None:
    sent = upload.put(GOOD, "input/a.csv")
    job = upload.intake.take(sent, "2026-11-23T22:41:07.123Z")
    assert job.status is Status.QUEUED
    upload.s3.delete_object(Bucket="ingest", Key=sent.key, VersionId=sent.version_id)
    assert upload.normalize(job).code == "gone"


def test_what_is_overwritten_meanwhile_is_a_job_of_its_own(upload: Uploader) -> None:
    first = upload.put(GOOD, "input/a.csv")
    job = upload.intake.take(first, "2026-11-23T22:41:07.123Z")
    second = upload.put(HEADER + b"other,1\nother,2\n" * 10, "input/a.csv")
    assert upload.normalize(job).table.num_rows == 100
    ending = upload.end(second)
    assert ending.job.job_id != job.job_id
    assert set(ending.column("city")) == {"other"}


def test_a_parquet_bomb_is_capped(upload: Uploader) -> None:
    """50 million zeros from a few hundred kB: read in bounded memory, or refused."""
    table = pa.table({"x": np.zeros(50_000_000)})
    data = parquet(table, compression="zstd")
    del table
    assert len(data) < 1 << 20
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    ending = upload(data, "input/bomb.parquet")
    assert ending.code is not None or ending.table.num_rows == 50_000_000
    del ending
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1_500_000
