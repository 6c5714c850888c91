from __future__ import annotations

import numpy
import pytest

pyarrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

from gpu_jobs import parts  # noqa: E402


def batches(*sizes):
    start = 0
    for size in sizes:
        yield pyarrow.record_batch({"a": range(start, start + size)})
        start += size


def test_row_groups_are_full_whatever_the_batches(monkeypatch):
    monkeypatch.setattr(parts, "ROW_GROUP_ROWS", 100)
    groups = list(parts.row_groups(batches(30, 0, 250, 1, 19, 45)))
    assert [group.num_rows for group in groups] == [100, 100, 100, 45]
    assert pyarrow.concat_tables(groups)["a"].to_pylist() == list(range(345))


def test_row_groups_of_wide_rows_end_by_size(monkeypatch):
    monkeypatch.setattr(parts, "ROW_GROUP_BYTES", 800)
    assert [group.num_rows for group in parts.row_groups(batches(60, 60, 60))] == [120, 60]


def test_parts_are_closed_by_size_published_in_order_and_deleted(monkeypatch, tmp_path):
    monkeypatch.setattr(parts, "PART_BYTES", 1000)
    published = []

    def publish(path, rows):
        published.append((path.name, rows, parquet.read_table(path)))

    writer = parts.PartWriter(tmp_path, publish)
    values = numpy.random.default_rng(1).random(1000)
    for start in range(0, 1000, 250):
        writer.write(pyarrow.table({"a": values[start : start + 250]}))
    writer.write(pyarrow.table({"a": [1.0]}))
    writer.close()
    assert [(name, rows) for name, rows, _ in published] == [
        ("part-00000.parquet", 250),
        ("part-00001.parquet", 250),
        ("part-00002.parquet", 250),
        ("part-00003.parquet", 250),
        ("part-00004.parquet", 1),
    ]
    whole = pyarrow.concat_tables(table for *_, table in published)
    assert whole["a"].to_pylist() == [*values, 1.0]
    assert list(tmp_path.iterdir()) == []


def test_one_table_is_one_row_group(tmp_path):
    groups = []
    writer = parts.PartWriter(
        tmp_path, lambda path, _: groups.append(parquet.ParquetFile(path).num_row_groups)
    )
    for _ in range(3):
        writer.write(pyarrow.table({"a": range(2000)}))
    writer.close()
    assert groups == [3]
