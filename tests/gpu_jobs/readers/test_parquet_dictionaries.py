"""Which text of a Parquet file stays indices into dictionaries, and how long its values are."""

from __future__ import annotations

import pytest

pyarrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

from gpu_jobs.readers.parquet_dictionaries import (  # noqa: E402
    Dictionary,
    dictionaries,
    text_columns,
)
from gpu_jobs.readers.parquet_file import LocalParquet  # noqa: E402

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
    """`file(table, ...)`: a local Parquet file."""

    def write(table=TABLE, **options):
        path = tmp_path / "f.parquet"
        parquet.write_table(table, path, **options)
        return LocalParquet(path, parquet.read_metadata(path))

    return write


def of_group(file, group=0, column_types=COLUMN_TYPES):
    return dictionaries(file, group, text_columns(column_types))


def test_dictionaries_of_text_and_bytes_tell_how_long_their_values_are_and_whether_they_are_short(
    file,
):
    text, binary = pyarrow.string(), pyarrow.binary()
    assert of_group(file()) == {
        "string": Dictionary(text, 1, is_short=True),
        "large": Dictionary(text, 1, is_short=True),
        "view": Dictionary(text, 1, is_short=True),
        "bytes": Dictionary(binary, 1, is_short=True),
        "different": Dictionary(text, 8, is_short=False),
        "long": Dictionary(text, 257, is_short=False),
    }


def test_of_many_columns_each_has_its_own(file):
    columns = {f"c{n}": ["x" * n, ""] for n in range(20)}
    found = of_group(file(pyarrow.table(columns)), 0, dict.fromkeys(columns, pyarrow.string()))
    assert [dictionary.longest for dictionary in found.values()] == list(range(20))


def test_indices_are_a_column_of_text_too():
    columns = {
        "s": pyarrow.dictionary(pyarrow.int8(), pyarrow.string()),
        "b": pyarrow.binary(),
        "n": pyarrow.dictionary(pyarrow.int8(), pyarrow.int64()),
        "x": pyarrow.float64(),
        "list": pyarrow.list_(pyarrow.string()),
    }
    assert text_columns(columns) == ["s", "b"]


@pytest.mark.parametrize(
    "options",
    [
        {"use_dictionary": False},
        {"use_dictionary": False, "column_encoding": {"string": "DELTA_BYTE_ARRAY"}},
    ],
)
def test_without_a_dictionary_there_is_nothing_to_tell(file, options):
    assert of_group(file(TABLE.select(["string"]), **options)) == {}


def test_a_file_without_rows_has_none(file):
    assert of_group(file(TABLE.slice(0, 0))) == {}


def test_text_that_is_written_out_after_all_is_no_short_dictionary(file):
    texts = [["x", "y"][n % 2] for n in range(50_000)] + [f"{n}" * 30 for n in range(50_000)]
    options = {"dictionary_pagesize_limit": 1000, "compression": "none"}
    assert not of_group(file(pyarrow.table({"string": texts}), **options))["string"].is_short


def test_pages_of_which_pyarrow_makes_no_indices_are_no_short_dictionary(file, monkeypatch):
    # It writes no such pages behind a dictionary itself; here it shall not know these.
    monkeypatch.setattr("gpu_jobs.readers.parquet_dictionaries._INDEXED", {"PLAIN", "RLE"})
    assert not of_group(file())["string"].is_short


def test_each_row_group_has_its_own(file):
    texts = ["a" * 10] * 50 + ["b" * 30, "c"] * 25
    found = file(pyarrow.table({"string": texts}), row_group_size=50)
    assert [of_group(found, group)["string"].longest for group in (0, 1)] == [10, 30]
