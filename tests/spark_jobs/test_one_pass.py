"""The one pass against pandas and NumPy, and that it asks again only for what lost its digits."""

from __future__ import annotations

import numpy
import pyarrow
import pytest

from spark_jobs import dataframe_pipeline, long_form, one_pass
from spark_jobs.groups import key_text, key_type
from tests.spark_jobs.oracle import assert_agree, expected_summary
from tests.spark_jobs.test_pipelines import numbers


@pytest.fixture
def asked_again(monkeypatch):
    """The columns whose statistics, and those whose correlations, were asked of the long form."""
    asked = {"by_group": [], "correlations": []}

    def recorded(name):
        function = getattr(one_pass, name)

        def record(frame, columns, *more):
            asked[name] += columns
            return function(frame, columns, *more)

        return record

    for name in asked:
        monkeypatch.setattr(one_pass, name, recorded(name))
    return asked


@pytest.fixture
def one_pass_alone(monkeypatch):
    """However few rows there are, and in however many cells."""
    monkeypatch.setattr(dataframe_pipeline, "MANY_ROWS", 0)
    monkeypatch.setattr(long_form, "MANY_ROWS", 0)
    monkeypatch.setattr(dataframe_pipeline, "ROWS_PER_CELL", 0)


@pytest.fixture
def assert_equals_the_oracle(one_pass_alone, spark_session, spec_of):
    def check(table, texts=None, **options):
        spec = spec_of(table, **options)
        found = dataframe_pipeline.summarise(spark_session, spec)
        expected = expected_summary(spec, table, texts)
        assert_agree(found, expected)
        return expected

    return check


def test_z_scores_with_nulls_are_summed_up_in_one_pass(assert_equals_the_oracle, asked_again):
    rows = 3_000
    keys = [["AA", "UA", None, "WN", ""][index % 5] for index in range(rows)]
    table = pyarrow.table({**numbers(rows), "g": keys})
    expected = assert_equals_the_oracle(table, keys, group_by="g", row_group_size=400)
    assert [group.group for group in expected.groups] == [None, "", "AA", "UA", "WN"]
    assert expected.groups[0].columns[0].count < expected.groups[0].rows
    assert asked_again == {"by_group": [], "correlations": []}


@pytest.mark.parametrize(
    ("keys", "scale"),
    [
        (pyarrow.array(["it's", "\\", None, "", *map(str, range(10))]), 1.0),
        (pyarrow.array([-128, 127, None, *range(10)], pyarrow.int8()), 1e-100),
        (pyarrow.array([-(2**62), 2**62, None, *range(10)], pyarrow.timestamp("us")), 1e100),
        (pyarrow.array([-0.5, 0.5, None, *range(10)], pyarrow.float64()), 1.0),
    ],
    ids=lambda value: str(getattr(value, "type", value)),
)
def test_extremes_lie_wherever_they_may(one_pass_alone, spark_session, spec_of, keys, scale):
    """In the sample or behind it, of groups that it has many rows of, few, or none."""
    random = numpy.random.default_rng(5)
    behind, rare, *common = range(len(keys))

    def part(rows, which, spread):
        key = random.choice(which, rows)
        key[0] = rare
        # What has few rows in the sample, or none, reaches less far than the rest does.
        spread = numpy.where(numpy.isin(key, common), spread, spread / 100)
        x, y = random.normal(size=(2, rows)) * spread * scale
        coin = random.integers(0, 2, rows) * scale
        y = pyarrow.array(y, mask=random.random(rows) < 0.2)
        return pyarrow.table({"x": x, "y": y, "coin": coin, "g": keys.take(pyarrow.array(key))})

    parts = [part(4_000, common, 1), part(4_000, [behind, *common], 2)]
    found = dataframe_pipeline.summarise(spark_session, spec_of(*parts, group_by="g"))

    functions = [(name, f) for name in found.columns for f in ("min", "max")]
    groups = pyarrow.concat_tables(parts).group_by("g").aggregate(functions)
    rows = groups.set_column(0, "g", groups["g"].cast(key_type(keys.type))).to_pylist()
    expected = {
        key_text(row["g"], keys.type): [row[f"{name}_{f}"] for name, f in functions] for row in rows
    }
    assert {
        group.group: [x for of in group.columns for x in (of.minimum, of.maximum)]
        for group in found.groups
    } == expected


@pytest.mark.parametrize(
    ("key", "texts"),
    [([0.0, -0.0, float("nan")], ["0.0", "0.0", "nan"]), ([True, False, None], None)],
    ids=["floats", "booleans"],
)
def test_keys_of_other_types_group_as_elsewhere(assert_equals_the_oracle, key, texts):
    table = pyarrow.table({**numbers(30), "g": pyarrow.array(key * 10)})
    texts = texts or ["true", "false", None]
    assert_equals_the_oracle(table, texts * 10, columns=("x", "y", "z"), group_by="g")


def test_constants_and_columns_without_values_have_no_correlation(assert_equals_the_oracle):
    rows = 600
    keys = ["a", "b", "b"] * 200
    table = pyarrow.table(
        {
            **numbers(rows),
            "nothing": pyarrow.nulls(rows, pyarrow.float64()),
            "zero": [0.0] * rows,
            "constant": [0.1] * rows,
            "only in b": [None if key == "a" else 0.1 * i for i, key in enumerate(keys)],
        }
    )
    expected = assert_equals_the_oracle(table.append_column("g", [keys]), keys, group_by="g")
    assert [r is None for r in expected.correlation[0]] == [False] * 3 + [True] * 3 + [False]


def test_what_lies_close_together_and_far_from_zero_is_asked_again(
    assert_equals_the_oracle, asked_again
):
    rows = 600
    random = numpy.random.default_rng(8)
    far = numpy.arange(rows) % 100 == 0
    x = numpy.where(far, 5e3, 0.0) + random.normal(size=rows)
    y, z = random.normal(size=(2, rows))
    keys = numpy.where(far, "far", "near")
    table = pyarrow.table(
        {"y": y, "x": x, "z": z, "far z": pyarrow.array(x + z, mask=~far), "g": keys}
    )
    assert_equals_the_oracle(table, list(keys), group_by="g")
    assert asked_again == {"by_group": [1, 3], "correlations": [0, 1, 2, 3]}


def test_a_pair_that_is_constant_where_both_are_present_has_no_correlation(
    assert_equals_the_oracle, asked_again
):
    table = pyarrow.table(
        {
            "x": [0.1, 0.1, 0.1, 0.7, -0.7, None],
            "y": [1.0, 2.0, 4.0, None, None, 1.0],
            "z": [None, None, None, 1.0, 2.0, 3.0],
        }
    )
    expected = assert_equals_the_oracle(table)
    assert expected.correlation[0][1] is expected.correlation[1][2] is None
    assert 0 in asked_again["correlations"]


def test_most_columns_still_fit_into_one_pass(assert_equals_the_oracle, asked_again):
    names = [f"column {index}" for index in range(one_pass.MOST_COLUMNS)]
    assert_equals_the_oracle(pyarrow.table(numbers(400, names)))
    assert asked_again == {"by_group": [], "correlations": []}


def test_nulls_in_too_many_patterns_take_the_long_form(spark_session, spec_of, monkeypatch):
    monkeypatch.setattr(dataframe_pipeline, "MANY_ROWS", 0)
    asked = []
    function = one_pass.summarise
    monkeypatch.setattr(one_pass, "summarise", lambda *all_: asked.append(1) or function(*all_))
    rows = 1_000
    few = {"a": [1.0, None] * 500, "absent": ["x", "y"] * 500}
    many = {"a": [1.0, None] * 500, "absent": [str(index // 4) for index in range(rows)]}
    for columns in (few, many):
        spec = spec_of(pyarrow.table(columns), group_by="absent")
        assert dataframe_pipeline.summarise(spark_session, spec).rows == rows
    assert asked == [1]
