from __future__ import annotations

import math
from decimal import Decimal

import pyarrow
import pytest

from contracts.grouping import MOST_GROUPS
from contracts.summary import GroupSummary
from spark_jobs.groups import (
    GroupingError,
    check_number,
    in_order,
    key_text,
    key_type,
    keys_of,
)

MINUTE = 60_000_000


def texts_of(column):
    return [key_text(key, column.type) for key in keys_of(column).to_pylist()]


@pytest.mark.parametrize(
    ("stored", "key"),
    [
        (pyarrow.string(), pyarrow.string()),
        (pyarrow.large_string(), pyarrow.large_string()),
        (pyarrow.string_view(), pyarrow.string()),
        (pyarrow.bool_(), pyarrow.bool_()),
        (pyarrow.int8(), pyarrow.int8()),
        (pyarrow.uint64(), pyarrow.uint64()),
        (pyarrow.float32(), pyarrow.float32()),
        (pyarrow.float64(), pyarrow.float64()),
        (pyarrow.decimal128(38, 10), pyarrow.decimal128(38, 10)),
        (pyarrow.date32(), pyarrow.date32()),
        (pyarrow.timestamp("ms"), pyarrow.int64()),
        (pyarrow.timestamp("ns", "Europe/Kyiv"), pyarrow.int64()),
        (pyarrow.dictionary(pyarrow.int8(), pyarrow.string()), pyarrow.string()),
        (pyarrow.dictionary(pyarrow.int32(), pyarrow.int16()), pyarrow.int16()),
    ],
    ids=str,
)
def test_keys_are_of_the_type_of_the_column_and_times_are_ticks(stored, key):
    assert key_type(stored) == key
    assert keys_of(pyarrow.nulls(2, stored)).type == key


@pytest.mark.parametrize(
    "stored",
    [
        pyarrow.binary(),
        pyarrow.date64(),
        pyarrow.decimal256(60, 2),
        pyarrow.duration("s"),
        pyarrow.float16(),
        pyarrow.list_(pyarrow.string()),
        pyarrow.null(),
        pyarrow.struct([("a", pyarrow.int64())]),
        pyarrow.time64("us"),
        pyarrow.dictionary(pyarrow.int8(), pyarrow.binary()),
    ],
    ids=str,
)
def test_rows_cannot_be_grouped_by_other_types(stored):
    with pytest.raises(GroupingError, match="cannot be grouped by a column of type"):
        key_type(stored)


def test_all_zeros_are_one_key_and_all_nan_another():
    for type_ in (pyarrow.float32(), pyarrow.float64()):
        column = pyarrow.chunked_array([[0.0, -0.0, math.nan], [-math.nan, None, 1.5]], type_)
        assert texts_of(column) == ["0.0", "0.0", "nan", "nan", None, "1.5"]


@pytest.mark.parametrize(
    ("stored", "key", "text"),
    [
        (pyarrow.string(), "", ""),
        (pyarrow.string(), "Łódź", "Łódź"),
        (pyarrow.bool_(), True, "true"),
        (pyarrow.bool_(), False, "false"),
        (pyarrow.int8(), -128, "-128"),
        (pyarrow.uint64(), 2**64 - 1, "18446744073709551615"),
        (pyarrow.uint64(), Decimal(2**64 - 1), "18446744073709551615"),
        (pyarrow.float64(), 1e300, "1e+300"),
        (pyarrow.float64(), -math.inf, "-inf"),
        (pyarrow.decimal128(38, 12), Decimal("0E-12"), "0.000000000000"),
        (pyarrow.decimal128(9, 2), Decimal("-1.10"), "-1.10"),
    ],
)
def test_the_text_of_a_key(stored, key, text):
    assert key_text(key, stored) == text


@pytest.mark.parametrize(
    ("unit", "zone", "ticks", "text"),
    [
        ("ms", None, 0, "1970-01-01T00:00:00"),
        ("ms", None, 1_500, "1970-01-01T00:00:01.5"),
        ("us", None, -1, "1969-12-31T23:59:59.999999"),
        ("us", None, 90 * MINUTE, "1970-01-01T01:30:00"),
        ("us", "UTC", 90 * MINUTE, "1970-01-01T01:30:00Z"),
        ("us", "America/New_York", 90 * MINUTE, "1970-01-01T01:30:00Z"),
        ("ns", "UTC", 1_700_000_000_000_000_010, "2023-11-14T22:13:20.00000001Z"),
        ("ns", None, 1_700_000_000_000_000_000, "2023-11-14T22:13:20"),
    ],
)
def test_times_are_iso_8601_without_an_empty_fraction_and_instants_end_in_z(
    unit, zone, ticks, text
):
    stored = pyarrow.timestamp(unit, zone)
    assert key_text(ticks, stored) == text
    assert texts_of(pyarrow.array([ticks, None], stored)) == [text, None]


def test_null_has_no_text_whatever_the_type():
    assert key_text(None, pyarrow.timestamp("us", "UTC")) is None
    assert key_text(None, pyarrow.bool_()) is None


def test_so_many_groups_are_a_summary_and_more_are_not():
    check_number(MOST_GROUPS)
    with pytest.raises(GroupingError, match="more than 10,000 different values"):
        check_number(MOST_GROUPS + 1)


def test_groups_are_ordered_by_their_text_null_first():
    groups = [GroupSummary(text, 1, ()) for text in ("b", "", None, "B", "10", "9")]
    assert [group.group for group in in_order(groups)] == [None, "", "10", "9", "B", "b"]
