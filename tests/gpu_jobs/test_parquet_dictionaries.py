"""Which text of a Parquet file stays indices into dictionaries, and how long its values are."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

pyarrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

from gpu_jobs.parquet_dictionaries import indexed, longest_values, repeating  # noqa: E402

ROWS = 1000
TYPES = {
    "string": pyarrow.string(),
    "large": pyarrow.large_string(),
    "view": pyarrow.string_view(),
    "bytes": pyarrow.binary(),
}
COLUMNS = {
    **{
        name: pyarrow.array([b"x", None] * (ROWS // 2)).cast(type_) for name, type_ in TYPES.items()
    },
    "different": pyarrow.array([f"text {row}" for row in range(ROWS)]),
    "long": pyarrow.array(["y" * 257, "z"] * (ROWS // 2)),
    "number": pyarrow.array([7] * ROWS),
    "nested": pyarrow.array([["x"]] * ROWS),
}
TABLE = pyarrow.table(COLUMNS)
COLUMN_TYPES = dict(zip(TABLE.schema.names, TABLE.schema.types, strict=True))


@pytest.fixture
def file(tmp_path):
    """`file(table, ...)`: the path and the metadata of a Parquet file."""

    def write(table=TABLE, **options):
        path = tmp_path / "f.parquet"
        parquet.write_table(table, path, **options)
        return path, parquet.read_metadata(path)

    return write


def test_short_text_that_repeats_stays_indices(file):
    as_text = pyarrow.dictionary(pyarrow.int32(), pyarrow.string())
    as_bytes = pyarrow.dictionary(pyarrow.int32(), pyarrow.binary())
    found = repeating(*file(), COLUMN_TYPES)
    assert found == {"string": as_text, "large": as_text, "view": as_text, "bytes": as_bytes}


@pytest.mark.parametrize(
    "options",
    [
        {"use_dictionary": False},
        {"use_dictionary": False, "column_encoding": {"string": "DELTA_BYTE_ARRAY"}},
    ],
)
def test_without_a_dictionary_nothing_does(file, options):
    path, metadata = file(TABLE.select(["string"]), **options)
    assert repeating(path, metadata, COLUMN_TYPES) == {}
    assert indexed(metadata, 0, ["string"]) == []


def test_a_chunk_that_goes_on_without_its_dictionary_is_read_as_indices_only_if_pyarrow_can():
    for encodings, expected in ((("PLAIN",), ["s"]), (("PLAIN", "DELTA_BYTE_ARRAY"), [])):
        chunk = SimpleNamespace(
            path_in_schema="s",
            has_dictionary_page=True,
            encodings=("RLE", "RLE_DICTIONARY", *encodings),
        )
        row_group = SimpleNamespace(num_columns=1, column={0: chunk}.get)
        assert indexed(SimpleNamespace(row_group={0: row_group}.get), 0, ["s"]) == expected


def test_a_file_without_rows_tells_nothing(file):
    path, metadata = file(TABLE.slice(0, 0))
    assert repeating(path, metadata, COLUMN_TYPES) == {}
    with parquet.ParquetWriter(path, TABLE.schema):
        pass
    assert repeating(path, parquet.read_metadata(path), COLUMN_TYPES) == {}


def test_the_longest_values_are_those_of_the_row_group(file):
    texts = ["a" * 10] * 50 + ["b" * 30, "c"] * 25
    path, metadata = file(pyarrow.table({"s": texts, "t": ["dd"] * 100}), row_group_size=50)
    types = dict.fromkeys("st", pyarrow.string())
    assert [longest_values(path, metadata, group, types) for group in (0, 1)] == [12, 32]
    assert longest_values(path, metadata, 1, {"t": pyarrow.string()}) == 2
