"""Both pipelines against pandas and NumPy, and so against each other."""

from __future__ import annotations

import math
from datetime import date
from decimal import Decimal

import numpy
import pyarrow
import pytest

from analysis.agreement import compare_summaries
from contracts.grouping import MOST_GROUPS
from spark_jobs import dataframe_pipeline, long_form, rdd_pipeline
from spark_jobs.turns import Runner
from tests.spark_jobs import oracle
from tests.spark_jobs.oracle import assert_agree, expected_summary

PIPELINES = {"rdd": rdd_pipeline.summarise, "dataframe": dataframe_pipeline.summarise}

DAYS = [date(1, 1, 1), date(1582, 10, 10), date(1969, 12, 31), None, date(9999, 12, 31)]
SECOND = {"ms": 10**3, "us": 10**6, "ns": 10**9}


def numbers(rows, names=("x", "y", "z"), seed=1):
    """Columns of doubles that correlate, of mean 0 and std 1 or so, a tenth of them null."""
    random = numpy.random.default_rng(seed)
    common = random.normal(size=rows)
    columns = {}
    for index, name in enumerate(names):
        values = common * index / len(names) + random.standard_t(4, size=rows)
        columns[name] = pyarrow.array(values, mask=random.random(rows) < 0.1)
    return columns


def key(type_, values, texts):
    """A grouping column of these values, and their texts."""
    return pytest.param(pyarrow.array(values, type_), texts, id=str(type_))


def integers(type_, low, high):
    return key(type_, [low, high, 0, None, 7], [str(low), str(high), "0", None, "7"])


def times(unit, zone):
    second = SECOND[unit]
    ticks = [0, -1, 1_500_000_000 * second, None, second // 8 - 1_500_000_000 * second]
    nines = str(second - 1)
    texts = ["1970-01-01T00:00:00", f"1969-12-31T23:59:59.{nines}", "2017-07-14T02:40:00"]
    z = "Z" if zone else ""
    texts = [*(text + z for text in texts), None, f"1922-06-20T21:20:00.125{z}"]
    return key(pyarrow.timestamp(unit, zone), ticks, texts)


def decimals(precision, scale):
    values = [Decimal(text).scaleb(-scale) for text in ("0", "-110", "99999", "1")]
    texts = [f"{value:.{scale}f}" for value in values]
    return key(pyarrow.decimal128(precision, scale), [*values, None], [*texts, None])


@pytest.fixture
def assert_both_equal_the_oracle(spark_session, spec_of):
    """Takes tables as `spec_of` does, and the texts of the keys of all their rows."""

    def check(*tables, texts=None, **options):
        spec = spec_of(*tables, **options)
        found = [summarise(spark_session, spec) for summarise in PIPELINES.values()]
        rows = pyarrow.concat_tables(table.select(tables[0].column_names) for table in tables)
        expected = expected_summary(spec, rows, texts)
        for name, summary in zip(PIPELINES, found, strict=True):
            assert summary.pipeline == name
            assert_agree(summary, expected)
        assert compare_summaries(*found).agree
        return expected

    return check


@pytest.fixture
def errors_of(spark_session):
    """Of each pipeline, in one line why it failed."""

    def errors(spec):
        runners = [
            Runner(name, lambda summarise=summarise: summarise(spark_session, spec))
            for name, summarise in PIPELINES.items()
        ]
        for runner in runners:
            runner.run()
        return {runner.pipeline: runner.error for runner in runners}

    return errors


def test_groups_with_nulls_constants_and_columns_without_values(assert_both_equal_the_oracle):
    rows = 2_000
    carriers = [["AA", "UA", None, "WN", "", "UA"][index % 6] for index in range(rows)]
    only_ua = [0.25 * index if carriers[index] == "UA" else None for index in range(rows)]
    table = pyarrow.table(
        {
            **numbers(rows),
            "carrier": carriers,
            "nothing": pyarrow.nulls(rows, pyarrow.float64()),
            "constant": [0.1] * rows,
            "constant or null": [0.1 if index % 3 else None for index in range(rows)],
            "one group's": pyarrow.array(only_ua, pyarrow.float64()),
            "one value": pyarrow.array([None] * (rows - 1) + [1.5], pyarrow.float64()),
        }
    )
    expected = assert_both_equal_the_oracle(table, texts=carriers, group_by="carrier")
    assert [group.group for group in expected.groups] == [None, "", "AA", "UA", "WN"]
    assert sum(group.columns[0].outliers for group in expected.groups) > 0


def test_parts_and_row_groups_make_no_difference(assert_both_equal_the_oracle):
    rows = 1_000
    table = pyarrow.table({**numbers(rows), "g": [str(index // 90) for index in range(rows)]})
    parts = [table.slice(0, 401), table.slice(401, 1), table.slice(402)]
    texts = table["g"].to_pylist()
    assert_both_equal_the_oracle(*parts, texts=texts, group_by="g", row_group_size=37)


def test_parts_whose_columns_are_in_another_order(assert_both_equal_the_oracle):
    table = pyarrow.table({**numbers(100), "g": ["a", "b"] * 50})
    parts = table.slice(0, 50), table.slice(50).select(["z", "g", "x", "y"])
    texts = table["g"].to_pylist()
    assert_both_equal_the_oracle(*parts, texts=texts, columns=("x", "y", "z"), group_by="g")


def test_a_part_without_rows(assert_both_equal_the_oracle):
    table = pyarrow.table({**numbers(20), "g": ["a", "b"] * 10})
    parts = [table.slice(0, 0), table, table.slice(0, 0)]
    assert_both_equal_the_oracle(*parts, texts=["a", "b"] * 10, group_by="g")


def test_without_a_grouping_column_there_is_one_group(assert_both_equal_the_oracle):
    expected = assert_both_equal_the_oracle(pyarrow.table(numbers(300)), row_group_size=100)
    assert [(group.group, group.rows) for group in expected.groups] == [(None, 300)]


@pytest.mark.parametrize("group_by", [None, "g"])
def test_a_single_row(assert_both_equal_the_oracle, group_by):
    table = pyarrow.table({"x": [-3.5], "y": [0.1], "g": ["a"]})
    texts = None if group_by is None else ["a"]
    expected = assert_both_equal_the_oracle(table, texts=texts, group_by=group_by)
    assert expected.correlation == ((None, None), (None, None))


@pytest.mark.parametrize(
    ("keys", "texts"),
    [
        key(pyarrow.string(), ["a", "Łódź", "", None, "A"], ["a", "Łódź", "", None, "A"]),
        key(pyarrow.large_string(), ["a", "b", None, " ", "nan"], ["a", "b", None, " ", "nan"]),
        key(
            pyarrow.string_view(), ["a", "b", None, "c" * 30, "d"], ["a", "b", None, "c" * 30, "d"]
        ),
        key(pyarrow.bool_(), [True, False, None] * 2, ["true", "false", None] * 2),
        integers(pyarrow.int8(), -(2**7), 2**7 - 1),
        integers(pyarrow.int16(), -(2**15), 2**15 - 1),
        integers(pyarrow.int32(), -(2**31), 2**31 - 1),
        integers(pyarrow.int64(), -(2**63), 2**63 - 1),
        integers(pyarrow.uint8(), 1, 2**8 - 1),
        integers(pyarrow.uint16(), 1, 2**16 - 1),
        integers(pyarrow.uint32(), 1, 2**32 - 1),
        integers(pyarrow.uint64(), 1, 2**64 - 1),
        key(
            pyarrow.float32(),
            [0.1, 0.0, -0.0, math.nan, -math.nan, None, -math.inf, 1e30],
            [
                "0.10000000149011612",
                "0.0",
                "0.0",
                "nan",
                "nan",
                None,
                "-inf",
                "1.0000000150474662e+30",
            ],
        ),
        key(
            pyarrow.float64(),
            [0.1, 0.0, -0.0, math.nan, -math.nan, None, -math.inf, 1e-300],
            ["0.1", "0.0", "0.0", "nan", "nan", None, "-inf", "1e-300"],
        ),
        decimals(9, 2),
        decimals(18, 0),
        decimals(38, 12),
        key(pyarrow.date32(), DAYS, [None if day is None else str(day) for day in DAYS]),
        *(times(unit, zone) for unit in ("ms", "us", "ns") for zone in (None, "UTC")),
        times("us", "America/New_York"),
    ],
)
def test_rows_are_grouped_by_keys_of_every_type(assert_both_equal_the_oracle, keys, texts):
    table = pyarrow.table(
        {**numbers(20 * len(keys), ["x"]), "g": pyarrow.concat_arrays([keys] * 20)}
    )
    expected = assert_both_equal_the_oracle(
        table, texts=texts * 20, group_by="g", row_group_size=len(keys) * 9
    )
    assert {group.group for group in expected.groups} == set(texts)


@pytest.mark.parametrize("precision", [9, 18])
def test_decimals_that_are_stored_as_integers(assert_both_equal_the_oracle, precision):
    values = [Decimal("-1.10"), Decimal("7.00"), None]
    keys = pyarrow.array(values, pyarrow.decimal128(precision, 2))
    table = pyarrow.table({**numbers(3, ["x"]), "g": keys})
    options = {"group_by": "g", "store_decimal_as_integer": True}
    assert_both_equal_the_oracle(table, texts=["-1.10", "7.00", None], **options)


@pytest.mark.parametrize(
    "type_", [pyarrow.string(), pyarrow.large_string(), pyarrow.int16()], ids=str
)
def test_keys_from_a_dictionary_that_differs_from_part_to_part(assert_both_equal_the_oracle, type_):
    texts = ["1", "2", None, "1", "3", "2", None, "4"]
    values = pyarrow.array([text and int(text) for text in texts]).cast(type_)
    parts = [
        pyarrow.table({**numbers(4, ["x"], seed), "g": some.dictionary_encode()})
        for seed, some in enumerate((values[:4], values[4:]))
    ]
    assert_both_equal_the_oracle(*parts, texts=texts, group_by="g", row_group_size=2)


@pytest.mark.parametrize(
    ("keys", "type_name"),
    [
        (pyarrow.array([b"a", b"b"]), "binary"),
        (pyarrow.array([["a"], ["b"]]), "list<element: string>"),
        (pyarrow.array([{"a": 1}, {"a": 2}]), "struct<a: int64>"),
        (pyarrow.array([1, 2], pyarrow.time64("us")), "time64[us]"),
        (pyarrow.array([Decimal(1), Decimal(2)], pyarrow.decimal256(50, 0)), "decimal256(50, 0)"),
    ],
    ids=["binary", "list", "struct", "time", "decimal256"],
)
def test_keys_of_other_types_are_refused_by_both_in_the_same_words(
    spec_of, errors_of, keys, type_name
):
    errors = errors_of(spec_of(pyarrow.table({"x": [0.5, 1.5], "g": keys}), group_by="g"))
    told = f"GroupingError: rows cannot be grouped by a column of type {type_name}"
    assert errors["dataframe"] == told
    assert errors["rdd"].endswith(told)


def test_more_groups_than_a_document_can_hold_are_refused_by_both(spec_of, errors_of):
    rows = MOST_GROUPS + 1
    table = pyarrow.table({"x": [0.5] * rows, "g": list(range(rows))})
    errors = errors_of(spec_of(table, group_by="g", row_group_size=6_000))
    told = "GroupingError: the grouping column has more than 10,000 different values"
    assert all(told in error for error in errors.values()), errors


def test_columns_have_any_name(assert_both_equal_the_oracle):
    names = [
        "a",
        "A",
        "a.b",
        "back`tick",
        "``",
        "two words",
        "Łódź",
        "x,y;(z)={}",
        "key",
        "c0",
        "*",
    ]
    table = pyarrow.table({**numbers(60, names), "G.`g` g": ["a", "b", None] * 20})
    texts = table["G.`g` g"].to_pylist()
    assert_both_equal_the_oracle(table, texts=texts, group_by="G.`g` g")


@pytest.mark.parametrize("group_by", ["carrier", "Carrier", "key", "c0", "group", "column"])
def test_the_grouping_column_has_any_name(assert_both_equal_the_oracle, group_by):
    in_other_case = {group_by.swapcase(): ["b", "a", "c", "d"] * 3}
    table = pyarrow.table({**numbers(12, ["x"]), **in_other_case, group_by: ["a", "b", None] * 4})
    assert_both_equal_the_oracle(table, texts=["a", "b", None] * 4, group_by=group_by)


def test_a_prefix_of_a_dotted_name_is_a_column_of_its_own(assert_both_equal_the_oracle):
    structs = pyarrow.array([{"b": 1.0}, {"b": 2.0}, {"b": 4.0}])
    table = pyarrow.table({"a.b": [3.0, 1.0, 2.0], "a": structs, "x": [0.5, None, 2.0]})
    assert_both_equal_the_oracle(table)


def test_columns_of_floats_are_summarised_as_doubles(assert_both_equal_the_oracle):
    columns = {name: values.cast(pyarrow.float32()) for name, values in numbers(500).items()}
    table = pyarrow.table({**columns, "g": ["a", "b"] * 250})
    assert_both_equal_the_oracle(table, texts=["a", "b"] * 250, group_by="g")


@pytest.mark.parametrize("many_rows", [0, 1_000])
def test_more_than_a_hundred_pairs_of_columns(assert_both_equal_the_oracle, monkeypatch, many_rows):
    for module in (dataframe_pipeline, long_form):
        monkeypatch.setattr(module, "MANY_ROWS", many_rows)
    names = [f"column {index}" for index in range(15)]
    table = pyarrow.table({"constant": [0.0] * 200, **numbers(200, names)})
    expected = assert_both_equal_the_oracle(table, row_group_size=90)
    assert sum(r is not None for row in expected.correlation for r in row) == 15 * 15


def test_of_very_many_columns_the_first_ones_correlate(assert_both_equal_the_oracle, monkeypatch):
    for module in (dataframe_pipeline, rdd_pipeline, oracle):
        monkeypatch.setattr(module, "MOST_CORRELATED", 3)
    names = [f"column {index}" for index in range(5)]
    table = pyarrow.table({**numbers(30, names), "g": ["a", None, "b"] * 10})
    texts = table["g"].to_pylist()
    expected = assert_both_equal_the_oracle(table, texts=texts, group_by="g", row_group_size=12)
    assert len(expected.correlation) == len(expected.correlation[-1]) == 3
    assert len(expected.groups[0].columns) == 5


def test_columns_of_types_that_spark_does_not_know_ride_along(assert_both_equal_the_oracle):
    table = pyarrow.table(
        {
            **numbers(2),
            "time": pyarrow.array([1, 2], pyarrow.time64("ns")),
            "timestamp": pyarrow.array([1, 2], pyarrow.timestamp("ns")),
            "decimal": pyarrow.array([Decimal(1), None], pyarrow.decimal256(60, 0)),
            "half": pyarrow.array(numpy.array([1, 2], "float16")),
            "map": pyarrow.array(
                [[("a", 1)], None], pyarrow.map_(pyarrow.string(), pyarrow.int8())
            ),
        }
    )
    assert_both_equal_the_oracle(table, columns=("x", "y", "z"))


def test_groups_far_from_the_mean_and_close_together_keep_their_digits(
    assert_both_equal_the_oracle,
):
    """z-scores of few rows beyond all others, where sums of squares would cancel."""
    rows = 600
    random = numpy.random.default_rng(8)
    far = numpy.arange(rows) % 100 == 0
    x = numpy.where(far, 5e3, 0.0) + random.normal(size=rows)
    y = random.normal(size=rows) + x * 1e-3
    table = pyarrow.table(
        {
            "x": x,
            "y": y,
            "far": pyarrow.array(x + y, mask=~far),
            "g": numpy.where(far, "far", "near"),
        }
    )
    texts = table["g"].to_pylist()
    assert_both_equal_the_oracle(table, texts=texts, group_by="g", row_group_size=110)


def test_pairs_of_columns_that_are_constant_where_both_are_present(assert_both_equal_the_oracle):
    table = pyarrow.table(
        {
            "x": [0.1, 0.1, 0.1, 0.7, -0.7, None],
            "y": [1.0, 2.0, 4.0, None, None, 1.0],
            "z": [None, None, None, 1.0, 2.0, 3.0],
        }
    )
    expected = assert_both_equal_the_oracle(table, row_group_size=2)
    assert expected.correlation[0][1] is None
    assert expected.correlation[1][2] is None
    assert expected.correlation[0][2] == pytest.approx(-1.0)
