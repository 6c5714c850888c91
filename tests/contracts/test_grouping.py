import pytest

from contracts.grouping import can_group


@pytest.mark.parametrize(
    "type_name",
    [
        "string",
        "large_string",
        "string_view",
        "bool",
        "int64",
        "uint8",
        "float",
        "double",
        "decimal128(38, 10)",
        "date32[day]",
        "timestamp[ms]",
        "timestamp[ns, tz=Europe/Kyiv]",
        "dictionary<values=string, indices=int8, ordered=0>",
        "dictionary<values=timestamp[us, tz=UTC], indices=uint32, ordered=1>",
    ],
)
def test_text_numbers_bools_dates_and_times_group(type_name: str) -> None:
    assert can_group(type_name)


@pytest.mark.parametrize(
    "type_name",
    [
        "binary",
        "large_binary",
        "fixed_size_binary[16]",
        "null",
        "halffloat",
        "decimal32(5, 2)",
        "decimal256(60, 2)",
        "date64[ms]",
        "time64[us]",
        "duration[s]",
        "month_day_nano_interval",
        "extension<arrow.uuid>",
        "struct",
        "list",
        "list<element: string>",
        "struct<string: string>",
        "map<string, int64>",
        "dictionary<values=binary, indices=int32, ordered=0>",
    ],
)
def test_no_other_type_does(type_name: str) -> None:
    assert not can_group(type_name)
