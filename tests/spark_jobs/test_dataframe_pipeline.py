from __future__ import annotations

from dataclasses import replace

import pyarrow
import pytest
from pyspark.sql import types

from spark_jobs.dataframe_pipeline import read, spark_type, summarise
from spark_jobs.errors import in_one_line
from tests.spark_jobs.oracle import assert_agree, expected_summary


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (pyarrow.int8(), types.ByteType()),
        (pyarrow.uint8(), types.ShortType()),
        (pyarrow.uint16(), types.IntegerType()),
        (pyarrow.uint32(), types.LongType()),
        (pyarrow.uint64(), types.DecimalType(20, 0)),
        (pyarrow.large_string(), types.StringType()),
        (pyarrow.decimal128(9, 2), types.DecimalType(9, 2)),
        (pyarrow.date32(), types.DateType()),
    ],
    ids=str,
)
def test_keys_are_read_in_a_type_that_holds_them_all(key, expected):
    assert spark_type(key) == expected


def test_a_frame_has_the_key_and_the_columns_as_doubles(frame, table):
    assert frame.columns == ["key", "c0", "c1", "c2"]
    assert [kind for _, kind in frame.dtypes] == ["string", "double", "double", "double"]
    rows = frame.collect()
    for place, name in enumerate(("g", "x", "X", "a.b")):
        assert [row[place] for row in rows] == table[name].to_pylist()


def test_without_a_grouping_column_all_keys_are_null(spark_session, spec_of, table):
    frame = read(spark_session, spec_of(table), pyarrow.string())
    assert {row["key"] for row in frame.collect()} == {None}


def test_parts_lie_in_folders_of_any_name(spark_session, spec_of, table, tmp_path):
    spec = spec_of(table, group_by="g")
    folder = tmp_path / "a b%20c+Łódź#d [e]{f,g}*?\\h"
    folder.mkdir()
    path = (tmp_path / "part-00000.parquet").rename(folder / "part-00000.parquet")
    found = summarise(spark_session, replace(spec, inputs=(path.as_uri(),)))
    assert_agree(found, expected_summary(spec, table, table["g"].to_pylist()))


def test_an_error_of_sparks_own_is_told_in_one_line(spark_session, spec_of, table, tmp_path):
    spec = spec_of(table, table)
    (tmp_path / "part-00001.parquet").write_bytes(b"a,b\n1,2\n")
    with pytest.raises(Exception, match="part-00001") as caught:
        summarise(spark_session, spec)
    line = in_one_line(caught.value)
    assert "part-00001.parquet" in line
    assert "\n" not in line
