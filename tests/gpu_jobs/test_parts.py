from __future__ import annotations

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

pyarrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

from gpu_jobs import parts  # noqa: E402
from gpu_jobs.chunks import InMemory  # noqa: E402


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
    assert [group.num_rows for group in parts.row_groups(batches(60, 60, 60))] == [100, 80]


def chunks(*sizes):
    return [InMemory(batch) for batch in batches(*sizes)]


def rows_of(plan):
    return [[chunk.rows for chunk in part] for part in plan]


def test_few_rows_are_one_part_whatever_the_workers():
    assert rows_of(parts.plan_parts(chunks(30, 0, 250), 4)) == [[30, 250]]


def test_every_worker_has_its_share_of_the_parts(monkeypatch):
    monkeypatch.setattr(parts, "ROW_GROUP_ROWS", 100)
    monkeypatch.setattr(parts, "PART_BYTES", 3000)
    plan = parts.plan_parts(chunks(*[50] * 12), 2)
    assert rows_of(plan) == [[50] * 6] * 2
    plan = parts.plan_parts(chunks(*[50] * 16), 2)
    assert rows_of(plan) == [[50] * 4] * 4


def test_a_row_group_is_not_cut_however_large(monkeypatch):
    monkeypatch.setattr(parts, "PART_BYTES", 800)
    assert rows_of(parts.plan_parts(chunks(1000, 10, 10), 1)) == [[1000], [10, 10]]


def test_a_chunk_of_many_row_groups_is_shared_among_the_workers(monkeypatch):
    monkeypatch.setattr(parts, "ROW_GROUP_ROWS", 100)
    assert rows_of(parts.plan_parts(chunks(1050), 2)) == [[600], [450]]
    assert rows_of(parts.plan_parts(chunks(300, 1050), 3)) == [[300, 200], [400], [450]]


@given(
    st.lists(st.integers(0, 400), min_size=1, max_size=30).filter(any),
    st.integers(1, 8),
    st.integers(1, 4000),
)
def test_parts_hold_every_row_once_and_in_order(sizes, workers, part_bytes):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts, "PART_BYTES", part_bytes)
        patch.setattr(parts, "ROW_GROUP_ROWS", 100)
        plan = parts.plan_parts(chunks(*sizes), workers)
    read = [batch for part in plan for chunk in part for batch in chunk.batches()]
    assert pyarrow.Table.from_batches(read)["a"].to_pylist() == list(range(sum(sizes)))
    assert all(plan)
    assert all(chunk.rows for part in plan for chunk in part)


def types_of(table):
    return {field.name: field.type for field in table.schema}


def test_each_table_is_a_row_group_of_the_part(tmp_path):
    tables = [pyarrow.table({"a": range(2000)}), pyarrow.table({"a": range(5)})]
    part = parts.write_part(tmp_path / "part.parquet", iter(tables), types_of(tables[0]))
    assert part == parts.Part(tmp_path / "part.parquet", 2005)
    file = parquet.ParquetFile(part.path)
    sizes = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
    assert sizes == [2000, 5]
    assert file.read().equals(pyarrow.concat_tables(tables))


def test_encodings_fit_the_values(tmp_path):
    random = numpy.random.default_rng(3)
    table = pyarrow.table(
        {
            "noise": random.normal(size=20_000),
            "levels": random.integers(0, 9, 20_000) / 7,
            "nulls": pyarrow.nulls(20_000, pyarrow.float64()),
            "id": range(20_000),
            "text": [f"text {i % 5}" for i in range(20_000)],
            "nested.x": [{"a": i, "b": [i]} for i in range(20_000)],
            "interval": pyarrow.array([None] * 20_000, pyarrow.duration("s")),
        }
    )
    part = parts.write_part(tmp_path / "part.parquet", iter([table]), types_of(table))
    file = parquet.ParquetFile(part.path)
    assert file.read().equals(table)
    columns = [file.metadata.row_group(0).column(i) for i in range(file.metadata.num_columns)]
    compression = {column.path_in_schema: column.compression for column in columns}
    assert compression.pop("noise") == "UNCOMPRESSED"
    assert set(compression.values()) == {"ZSTD"} and "nested.x.b.list.element" in compression
    assert {c.path_in_schema for c in columns if not c.is_stats_set} == {"noise"}
    dictionaries = [c.path_in_schema for c in columns if "RLE_DICTIONARY" in c.encodings]
    assert "levels" in dictionaries and "text" in dictionaries
    assert "noise" not in dictionaries and "id" not in dictionaries


@pytest.mark.parametrize(
    "type_",
    [
        *(pyarrow.string(), pyarrow.large_string(), pyarrow.string_view(), pyarrow.binary()),
        pyarrow.dictionary(pyarrow.int32(), pyarrow.string()),
    ],
)
def test_dictionaries_of_all_batches_become_one_and_the_type_is_what_it_was(tmp_path, type_):
    texts = [["x", "y", None] * 100, ["z", "y", "x"] * 100, ["w"] * 300]
    base = pyarrow.binary() if type_ == pyarrow.binary() else pyarrow.string()
    chunks = [pyarrow.array(some, base).dictionary_encode() for some in texts]
    tables = [pyarrow.table({"a": pyarrow.chunked_array(two)}) for two in (chunks[:2], chunks[1:])]
    part = parts.write_part(tmp_path / "part.parquet", iter(tables), {"a": type_})
    file = parquet.ParquetFile(part.path)
    assert file.schema_arrow.field("a").type == type_
    expected = pyarrow.concat_tables(tables).unify_dictionaries().to_pydict()
    assert file.read().to_pydict() == expected
    groups = [file.metadata.row_group(index).column(0) for index in range(2)]
    assert max(group.total_uncompressed_size for group in groups) < 300
    extremes = [(group.statistics.min, group.statistics.max) for group in groups]
    assert pyarrow.array(extremes).cast(pyarrow.list_(pyarrow.string())).to_pylist() == [
        ["x", "z"],
        ["w", "z"],
    ]
