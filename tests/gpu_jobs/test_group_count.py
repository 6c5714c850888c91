"""The number of groups, counted batch by batch."""

from __future__ import annotations

import math
import struct

import pytest

from contracts.grouping import MOST_GROUPS

pyarrow = pytest.importorskip("pyarrow")

OTHER_NAN = struct.unpack("<d", struct.pack("<Q", 0xFFF8_0000_0000_0001))[0]


def has_too_many(*columns):
    from gpu_jobs.group_count import GroupCount

    count = GroupCount("g")
    for column in columns:
        count.add(pyarrow.RecordBatch.from_arrays([column], ["g"]))
    return count.too_many


def numbers(start, stop, type_=None):
    """The whole numbers from `start` to `stop`, as values of `type_`."""
    column = pyarrow.array(range(start, stop), pyarrow.int64())
    # Days since 1970 are cast from 32 bits alone.
    narrow = column.cast(pyarrow.int32()) if type_ == pyarrow.date32() else column
    return narrow.cast(type_ or pyarrow.int64())


@pytest.mark.parametrize(
    "type_",
    [
        pyarrow.int64(),
        pyarrow.uint64(),
        pyarrow.float64(),
        pyarrow.string(),
        pyarrow.large_string(),
        pyarrow.string_view(),
        pyarrow.date32(),
        pyarrow.timestamp("ns", "Europe/Kyiv"),
        pyarrow.decimal128(38, 2),
    ],
    ids=str,
)
def test_values_of_every_type_are_counted_over_all_batches(type_):
    column = numbers(0, MOST_GROUPS + 1, type_)
    first, last = column.slice(0, MOST_GROUPS), column.slice(MOST_GROUPS)
    assert not has_too_many(first, first)
    assert has_too_many(first, last)
    assert has_too_many(column)


def test_null_is_one_group():
    null = pyarrow.nulls(2, pyarrow.int64())
    assert not has_too_many(null, numbers(1, MOST_GROUPS), null)
    assert has_too_many(null, numbers(0, MOST_GROUPS))


def test_all_zeros_are_one_group_and_all_nan_another():
    odd = pyarrow.array([0.0, -0.0, math.nan, OTHER_NAN])
    others = numbers(1, MOST_GROUPS - 1, pyarrow.float64())
    assert not has_too_many(odd, others, odd)
    assert has_too_many(odd, numbers(1, MOST_GROUPS, pyarrow.float64()))


@pytest.mark.parametrize("type_", [pyarrow.string(), pyarrow.int64()], ids=str)
def test_values_of_a_dictionary_count_whatever_their_place_in_it(type_):
    def encoded(*values):
        dictionary = pyarrow.array(values).cast(type_)
        return pyarrow.DictionaryArray.from_arrays(range(len(values)), dictionary)

    rest = encoded(*range(3, MOST_GROUPS + 1))
    assert not has_too_many(encoded(1, 2, 2), encoded(2, 1), rest)
    assert has_too_many(encoded(1, 2), encoded(0), rest)


def test_beyond_the_limit_no_batch_is_looked_at_any_more():
    # A column of another type could not be added to those that were counted.
    assert has_too_many(numbers(0, MOST_GROUPS + 1), pyarrow.array(["a"]))


def test_without_a_column_there_is_nothing_to_count():
    from gpu_jobs.group_count import GroupCount

    count = GroupCount(None)
    count.add(pyarrow.record_batch({"g": numbers(0, MOST_GROUPS + 1)}))
    assert not count.too_many
