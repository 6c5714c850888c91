"""Both passes over datasets of any size: in memory, by the scratch file, from the local copy."""

from __future__ import annotations

import errno
import io

import numpy
import pytest

pyarrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

from contracts.manifest import Column, Format, Manifest, SourceObject  # noqa: E402
from gpu_jobs.dataset import dataset_of  # noqa: E402
from gpu_jobs.disk import (  # noqa: E402
    SCRATCH_OF_TEXT,
    bytes_needed,
    check_disk,
    full_disk_rejected,
)
from gpu_jobs.errors import RejectedError  # noqa: E402
from gpu_jobs.quarantine import Quarantine  # noqa: E402
from gpu_jobs.workers import unchanged  # noqa: E402

ROWS = 1000
TABLE = pyarrow.table(
    {"a": pyarrow.array([None if i % 9 == 4 else i / 7 for i in range(ROWS)]), "b": ["x"] * ROWS}
)


def encoded(format_):
    sink = io.BytesIO()
    if format_ is Format.PARQUET:
        parquet.write_table(TABLE, sink, row_group_size=100)
    else:
        rows = ("" if a is None else repr(a) for a in TABLE["a"].to_pylist())
        sink.write(b"a,b\n" + b"".join(f"{a},x\n".encode() for a in rows))
    return sink.getvalue()


def manifest_of(data, format_, columns=(("a", "double"), ("b", "string"))):
    return Manifest(
        job_id="job",
        bucket="ingest",
        files=(SourceObject("f", None, len(data)),),
        format=format_,
        columns=tuple(Column(*column) for column in columns),
        normalize=tuple(name for name, type_ in columns if type_ == "double"),
        delimiter="," if format_ is Format.CSV else None,
    )


@pytest.fixture
def dataset(tmp_path, monkeypatch):
    """`dataset(format, kept_bytes)`: TABLE as a dataset of which so much stays in memory."""

    def make(format_, kept_bytes):
        monkeypatch.setattr("gpu_jobs.dataset.KEPT_BYTES", kept_bytes)
        monkeypatch.setattr("gpu_jobs.readers.csv_records.PIECE_BYTES", 500)
        monkeypatch.setattr("gpu_jobs.readers.csv_records.PIECE_BYTES_PER_COLUMN", 0)
        data = encoded(format_)
        return dataset_of(
            manifest_of(data, format_),
            lambda source: io.BytesIO(data),
            lambda source, path: path.write_bytes(data),
            tmp_path,
            Quarantine(tmp_path / "rows.jsonl"),
        )

    return make


@pytest.mark.parametrize(
    ("format_", "kept_bytes"),
    [(Format.CSV, 0), (Format.CSV, 5000), (Format.CSV, 1 << 30), (Format.PARQUET, 0)],
)
def test_the_second_pass_has_the_rows_of_the_first_wherever_they_were_kept(
    dataset, format_, kept_bytes
):
    some = dataset(format_, kept_bytes)
    measured = pyarrow.Table.from_batches(b.select(["a"]) for b in some.first_pass(unchanged))
    second = pyarrow.Table.from_batches(b for chunk in some.chunks for b in chunk.batches())
    assert measured.equals(second.select(["a"]))
    assert second.equals(TABLE.cast(second.schema))
    assert [sum(b.num_rows for b in chunk.batches()) for chunk in some.chunks] == [
        chunk.rows for chunk in some.chunks
    ]


def test_chunks_can_be_read_in_any_order(dataset):
    some = dataset(Format.CSV, 5000)
    list(some.first_pass(unchanged))
    assert len(some.chunks) > 10
    backwards = [list(chunk.batches()) for chunk in reversed(some.chunks)]
    in_order = pyarrow.Table.from_batches(b for batches in reversed(backwards) for b in batches)
    assert in_order["a"].equals(TABLE["a"])


def test_only_what_does_not_fit_into_memory_counts_as_scratch(dataset):
    for kept_bytes, expected in ((0, True), (5000, True), (1 << 30, False)):
        some = dataset(Format.CSV, kept_bytes)
        list(some.first_pass(unchanged))
        assert (some.scratch_bytes > 0) is expected


def test_of_parquet_the_first_pass_reads_only_what_is_measured(dataset):
    some = dataset(Format.PARQUET, 1 << 30)
    columns = {tuple(batch.schema.names) for batch in some.first_pass(unchanged)}
    assert columns == {("a",)}


@pytest.mark.parametrize("format_", [Format.CSV, Format.PARQUET])
def test_a_first_pass_that_begins_again_forgets_the_one_before(dataset, format_):
    some = dataset(format_, 5000)
    next(some.first_pass(unchanged))
    list(some.first_pass(unchanged))
    assert sum(chunk.rows for chunk in some.chunks) == ROWS


@pytest.mark.parametrize(
    ("type_", "cells"),
    [
        ("double", "0123456789"),
        ("double", ["", "7"]),
        ("string", "abcdefghijklmnopqrstuvwxyz"),
        ("string", ["", "x"]),
    ],
)
def test_the_scratch_of_the_shortest_cells_keeps_within_the_stated_multiple(
    tmp_path, monkeypatch, type_, cells
):
    monkeypatch.setattr("gpu_jobs.dataset.KEPT_BYTES", 0)
    random = numpy.random.default_rng(7)
    rows = random.choice(list(cells), (100_000, 3)).tolist()
    data = b"a,b,c\n" + "\n".join(map(",".join, rows)).encode()
    some = dataset_of(
        manifest_of(data, Format.CSV, [(name, type_) for name in "abc"]),
        lambda source: io.BytesIO(data),
        lambda source, path: path.write_bytes(data),
        tmp_path,
        Quarantine(tmp_path / "rows.jsonl"),
    )
    list(some.first_pass(unchanged))
    assert 0 < some.scratch_bytes < SCRATCH_OF_TEXT * len(data)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
def test_only_a_full_disk_is_told_with_what_to_do(tmp_path, number):
    manifest = manifest_of(b"a,b\n1,x\n", Format.CSV)
    expected = RejectedError if number == errno.ENOSPC else OSError
    with pytest.raises(expected), full_disk_rejected(manifest, tmp_path):
        raise OSError(number, "writing failed")


def test_a_dataset_that_cannot_fit_on_the_disk_is_rejected_before_it_is_read(tmp_path):
    data = b"a,b\n1,x\n"
    manifest = manifest_of(data, Format.CSV)
    check_disk(manifest, tmp_path)
    huge = Manifest(
        **{**vars(manifest), "files": (SourceObject("f", None, 10**18), *manifest.files)}
    )
    assert bytes_needed(huge) > 3 * 10**18
    with pytest.raises(RejectedError, match="too_large_for_disk"):
        check_disk(huge, tmp_path)
