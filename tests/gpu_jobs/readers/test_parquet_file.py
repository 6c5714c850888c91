"""A mapped file takes no more memory than what is being read of it."""

from __future__ import annotations

from pathlib import Path

import numpy
import pytest

pyarrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

from gpu_jobs.readers.parquet_file import MOST_MAPPED_COLUMNS, LocalParquet  # noqa: E402

ROWS = 400_000


@pytest.fixture
def path(tmp_path):
    random = numpy.random.default_rng(1)
    table = pyarrow.table({name: random.normal(size=ROWS) for name in "abcd"})
    path = tmp_path / "f.parquet"
    parquet.write_table(table, path, compression="none", use_dictionary=False)
    return path


@pytest.fixture
def local(path):
    return LocalParquet(path, parquet.read_metadata(path))


def test_what_was_read_is_released_and_can_be_read_again(local, path, resident_bytes):
    with local.open() as file:
        first = file.read_row_group(0, use_threads=False)
        assert resident_bytes(path) > 0.9 * path.stat().st_size
        local.release()
        assert resident_bytes(path) == 0
        assert file.read_row_group(0, use_threads=False).equals(first)
    assert resident_bytes(path) == 0


def test_the_file_is_no_longer_mapped_when_nobody_holds_it(path):
    with LocalParquet(path, parquet.read_metadata(path)).open() as file:
        assert file.read(use_threads=False).num_rows == ROWS
    del file
    assert str(path) not in Path("/proc/self/maps").read_text(encoding="utf-8")


def test_a_wide_file_is_read_through_buffers(path, resident_bytes):
    table = pyarrow.table({f"c{index}": range(1000) for index in range(MOST_MAPPED_COLUMNS + 1)})
    parquet.write_table(table, path)
    local = LocalParquet(path, parquet.read_metadata(path))
    with local.open() as file:
        assert file.read().equals(table)
        assert resident_bytes(path) == 0
