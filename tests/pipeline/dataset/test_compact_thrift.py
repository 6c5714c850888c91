import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.dataset.compact_thrift import parse_struct


def test_a_footer_has_the_numbers_that_pyarrow_finds_in_it():
    file = io.BytesIO()
    table = pa.table({"a": range(1000), "b": ["x", "y"] * 500, "c": [[1, 2]] * 1000})
    pq.write_table(table, file, row_group_size=300)
    expected = pq.ParquetFile(file).metadata
    data = file.getvalue()

    footer = parse_struct(data[-8 - expected.serialized_size : -8])

    assert footer[3] == expected.num_rows
    assert len(footer[4]) == expected.num_row_groups
    for number, group in enumerate(footer[4]):
        assert group[3] == expected.row_group(number).num_rows
        for index, column in enumerate(group[1]):
            chunk = expected.row_group(number).column(index)
            assert ".".join(part.decode() for part in column[3][3]) == chunk.path_in_schema
            assert column[3][5] == chunk.num_values
            assert column[3][9] == chunk.data_page_offset
            assert column[3].get(11) == chunk.dictionary_page_offset


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"\x00", {}),
        (b"\x15\x03\x16\x04\x00", {1: -2, 2: 2}),
        (b"\x11\x12\x00", {1: True, 2: False}),
        (b"\x05\xc8\x01\xac\x02\x00", {100: 150}),
        (b"\x18\x02hi\x00", {1: b"hi"}),
        (b"\x19\x25\x02\x04\x00", {1: [1, 2]}),
        (b"\x19\x21\x01\x02\x00", {1: [True, False]}),
        (b"\x19\xf3\x10" + bytes(16) + b"\x00", {1: [b"\0"] * 16}),
        (b"\x1b\x01\x85\x01k\x02\x00", {1: {b"k": 1}}),
        (b"\x1b\x00\x00", {1: {}}),
        (b"\x1c\x15\x02\x00\x00", {1: {1: 1}}),
        (b"\x17" + bytes(8) + b"\x00", {1: bytes(8)}),
    ],
)
def test_each_type_is_read(data, expected):
    assert parse_struct(data) == expected


@pytest.mark.parametrize(
    "data",
    [b"", b"\x15", b"\x18\x09hi", b"\x1e\x00", b"\x19\xf5\xff\xff\xff\xff\x0f", b"\x1c" * 9999],
)
def test_what_ends_early_or_never_is_refused(data):
    with pytest.raises(ValueError, match="Thrift"):
        parse_struct(data)
