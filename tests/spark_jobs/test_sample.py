from __future__ import annotations

import math

import numpy
import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_jobs import sample
from spark_jobs.sample import MANY_VALUES as MANY
from spark_jobs.sample import Reached, take_sample

NOTHING = Reached((), (-math.inf,), (math.inf,))


@pytest.fixture
def sample_of(tmp_path):
    """The sample of columns by name, all but `g` summarised."""

    def take(columns, group_by="g"):
        table = pyarrow.table(columns)
        pyarrow.parquet.write_table(table, tmp_path / "part.parquet")
        summarised = [name for name in table.column_names if name != "g"]
        with pyarrow.parquet.ParquetFile(tmp_path / "part.parquet") as part:
            return take_sample(part, summarised, group_by)

    return take


def test_a_cell_is_a_key_with_a_pattern_of_nulls(sample_of):
    columns = {"x": [1.0, None, 1.0, None, 2.0], "y": [1.0, 1.0, None, 1.0, 2.0]}
    found = sample_of({**columns, "g": ["a", "a", "a", None, "a"]})
    assert (found.rows, found.cells) == (5, 4)
    assert sample_of(columns, group_by=None).cells == 3


def test_the_first_rows_are_the_sample(sample_of, monkeypatch):
    monkeypatch.setattr(sample, "SAMPLE_ROWS", 1_000)
    found = sample_of({"x": numpy.arange(5_000.0)}, group_by=None)
    assert found.rows == 1_000
    assert found.reached == Reached((None,), (0.0,), (999.0,))


def test_no_rows_tell_nothing(sample_of):
    found = sample_of({"x": pyarrow.array([], pyarrow.float64()), "g": pyarrow.array([], "string")})
    assert (found.rows, found.cells, found.reached) == (0, 0, NOTHING)


def test_all_groups_with_many_values_reach_the_bounds(sample_of):
    found = sample_of(
        {
            "x": [*range(MANY), *range(10, 10 + MANY), *[1e9] * (MANY - 1)],
            "g": ["a"] * MANY + [None] * MANY + ["too few"] * (MANY - 1),
        }
    )
    assert found.reached == Reached(("a", None), (10.0,), (MANY - 1.0,))


@pytest.mark.parametrize("value", [None, math.nan, math.inf], ids=str)
def test_a_group_without_a_finite_value_in_each_column_is_not_known(sample_of, value):
    keys = ["a"] * MANY + ["b"] * MANY
    odd = pyarrow.array([value] * MANY + [2.0] * MANY, pyarrow.float64())
    found = sample_of({"x": [1.0] * 2 * MANY, "odd": odd, "g": keys})
    assert found.reached == Reached(("b",), (1.0, 2.0), (1.0, 2.0))


@pytest.mark.parametrize(
    ("keys", "known"),
    [
        (pyarrow.array([7], pyarrow.int16()), (7,)),
        (pyarrow.array(["a"], pyarrow.large_string()), ("a",)),
        (pyarrow.array(["a"]).dictionary_encode(), ("a",)),
        (pyarrow.array([7], pyarrow.timestamp("ns", "UTC")), (7,)),
        (pyarrow.array([b"\xff"], "binary").cast("string", safe=False), ()),
        (pyarrow.array([7], pyarrow.uint64()), ()),
        (pyarrow.array([7.0]), ()),
        (pyarrow.array([True]), ()),
        (pyarrow.array([7], pyarrow.date32()), ()),
    ],
    ids=lambda value: str(getattr(value, "type", "")),
)
def test_only_keys_that_spark_surely_finds_again_are_known(sample_of, keys, known):
    rows = keys.take(pyarrow.array([0] * MANY))
    assert sample_of({"x": [1.0] * MANY, "g": rows}).reached.keys == known


values = st.lists(st.one_of(st.none(), st.floats()), min_size=1, max_size=50)


@given(values, values)
def test_a_known_group_has_values_at_the_bounds_or_beyond(x, y):
    rows = min(len(x), len(y)) * MANY
    table = pyarrow.table(
        {
            "x": pyarrow.array((x * MANY)[:rows], pyarrow.float64()),
            "y": pyarrow.array((y * MANY)[:rows], pyarrow.float64()),
            "g": [str(index % 3) for index in range(rows)],
        }
    )
    sink = pyarrow.BufferOutputStream()
    pyarrow.parquet.write_table(table, sink)
    with pyarrow.parquet.ParquetFile(pyarrow.BufferReader(sink.getvalue())) as part:
        reached = take_sample(part, ["x", "y"], "g").reached
    for key in reached.keys:
        group = table.filter(pyarrow.compute.equal(table["g"], key))
        for name, low, high in zip("xy", reached.lows, reached.highs, strict=True):
            present = group[name].drop_null().to_numpy()
            assert (present <= low).any()
            assert (present >= high).any()
