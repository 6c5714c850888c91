"""Damaged datasets, at random: each is refused with a reason, or all its rows are accounted for."""

from __future__ import annotations

import gzip
import io
import json
import math
import os
import random
import secrets
import time
from collections import Counter
from collections.abc import Callable

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from tests.inputs.conftest import Ending, Uploader

SEED = int(os.environ.get("SEED", secrets.randbelow(2**32)))
INPUTS = int(os.environ.get("INPUTS", 150))
MOST_SECONDS = 30.0

CSV = "id,city,fare,note\n" + "".join(
    f'{n},c{n % 3},{n * 1.25},"say ""{n}"", twice"\n' for n in range(200)
)
JSON_LINES = "".join(
    json.dumps({"id": n, "x": n / 7, "deep": {"a": [n]}, "s": "é" * (n % 5)}) + "\n"
    for n in range(200)
)
TABLE = pa.table(
    {
        "id": range(300),
        "x": [None if n % 9 == 0 else n / 3 for n in range(300)],
        "flag": [n % 2 == 0 for n in range(300)],
        "city": [f"c{n % 4}" for n in range(300)],
    }
)


def parquet(compression: str) -> bytes:
    sink = io.BytesIO()
    pq.write_table(TABLE, sink, compression=compression, row_group_size=100)
    return sink.getvalue()


SOUND = {
    "data.csv": CSV.encode(),
    "data.tsv": CSV.replace(",", "\t").replace("\n", "\r\n").encode(),
    "data.jsonl": JSON_LINES.encode(),
    "data.csv.gz": gzip.compress(CSV.encode()),
    "data.jsonl.zst": zstandard.compress(JSON_LINES.encode()),
    "plain.parquet": parquet("none"),
    "snappy.parquet": parquet("snappy"),
}
TOKENS = (
    *(b'"', b"'", b",", b";", b"\t", b"\n", b"\r", b"\r\n", b"\0", b"\xff", b"\xef\xbb\xbf", b"{"),
    *(b"}", b"[", b"]", b"\\", b"NaN", b"inf", b"-inf", b"1e999", b"NA", b"null", b"true", b"PAR1"),
    *(b"9" * 400, b"9007199254740993", b"a" * 70_000, b",,,,", b'""', "\u2028".encode()),
)


def flip(data: bytes, chance: random.Random) -> bytes:
    damaged = bytearray(data)
    for _ in range(chance.choice((1, 1, 3, 20))):
        damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
    return bytes(damaged)


def cut(data: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(len(data))]


def insert(data: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(data))
    return data[:at] + chance.choice(TOKENS) + data[at:]


def remove(data: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(data))
    return data[:at] + data[at + chance.choice((1, 2, 10, 1000)) :]


def repeat(data: bytes, chance: random.Random) -> bytes:
    first, last = sorted(chance.sample(range(len(data) + 1), 2))
    return data[:last] + data[first:last] * chance.choice((1, 5)) + data[last:]


def splice(data: bytes, chance: random.Random) -> bytes:
    other = chance.choice(list(SOUND.values()))
    return data[: chance.randrange(len(data))] + other[chance.randrange(len(other)) :]


DAMAGES: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    *(flip, cut, insert, insert, remove, repeat, splice),
)


def damaged(seed: int) -> tuple[str, bytes]:
    """A name and what lies under it, the same for the same seed."""
    chance = random.Random(seed)
    name, data = chance.choice(list(SOUND.items()))
    inside = chance.random() < 0.5
    if inside and name.endswith(".gz"):
        data = gzip.decompress(data)
    elif inside and name.endswith(".zst"):
        data = zstandard.decompress(data)
    for _ in range(chance.choice((1, 1, 2, 4))):
        data = chance.choice(DAMAGES)(data or b"x", chance)
    if inside and name.endswith(".gz"):
        data = gzip.compress(data)
    elif inside and name.endswith(".zst"):
        data = zstandard.compress(data)
    return name, data


def check(ending: Ending) -> None:
    """An error has a code and a text; a result accounts for every row and every value."""
    if ending.error:
        assert ending.error.code
        assert len(ending.error.message) > 20
        return
    assert ending.metrics is not None
    assert ending.manifest is not None
    assert ending.table.num_rows == ending.metrics.records > 0
    assert len(ending.quarantine) <= ending.metrics.quarantined
    assert bool(ending.quarantine) == bool(ending.metrics.quarantined)
    for name, column in ending.metrics.columns.items():
        assert column.count + column.nulls + column.non_finite == ending.metrics.records, name
        values = [value for value in ending.column(name) if value is not None]
        assert len(values) == column.count
        assert all(map(math.isfinite, values)), name


def test_damaged_inputs_end_well(upload: Uploader, capsys: pytest.CaptureFixture[str]) -> None:
    ends: Counter[str] = Counter()
    for seed in range(SEED, SEED + INPUTS):
        name, data = damaged(seed)
        started = time.monotonic()
        try:
            ending = upload(data, f"input/{seed}-{name}")
            check(ending)
        except BaseException as error:
            error.add_note(f"{name}, {len(data)} bytes; again: SEED={seed} INPUTS=1 make fuzz")
            raise
        assert time.monotonic() - started < MOST_SECONDS, seed
        ends[ending.code or "completed"] += 1
    with capsys.disabled():
        print(f"\n{INPUTS} damaged inputs, again with SEED={SEED} make fuzz: {dict(ends)}")
    if INPUTS > 50:
        assert ends["completed"]
        assert len(ends) > 5
