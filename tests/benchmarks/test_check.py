from __future__ import annotations

from typing import Any

import pyarrow
import pyarrow.compute
import pyarrow.parquet
import pytest

from benchmarks.normalize.check import WrongResult, check


def normalized(case) -> Any:
    """What a contender is to write of the case, as a table."""
    table = pyarrow.parquet.read_table(case.parquet)
    truth = case.truth
    for name, mean, std in zip(truth.columns, truth.mean, truth.std, strict=True):
        x = table[name].cast(pyarrow.float64())
        z = pyarrow.compute.divide(pyarrow.compute.subtract(x, mean), std)
        table = table.set_column(table.schema.get_field_index(name), name, z)
    return table


def with_cell(table: Any, name: str, row: int, change: Any) -> Any:
    cells = table[name].to_pylist()
    cells[row] = change(cells[row])
    place = table.schema.get_field_index(name)
    return table.set_column(place, name, pyarrow.array(cells, table.schema.field(name).type))


def swapped(table: Any) -> Any:
    return pyarrow.concat_tables([table.slice(1, 1), table.slice(0, 1), table.slice(2)])


WRONG = {
    "a z-score is off": (
        lambda t: with_cell(t, "price", 1_999, lambda z: z + 1e-8),
        "price, row 1",
    ),
    "a null is filled": (lambda t: with_cell(t, "tax", 50, lambda z: 0.0), "tax, row 50: 0.0, exp"),
    "a null is NaN": (lambda t: with_cell(t, "tax", 50, lambda z: float("nan")), "expected None"),
    "a z-score is null": (lambda t: with_cell(t, "tax", 51, lambda z: None), "tax, row 51: None"),
    "a text is another": (lambda t: with_cell(t, "comment", 7, str.upper), "'NO. 7', expected 'no"),
    "rows changed places": (swapped, "column key, row 0: 1, expected 0"),
    "a row is missing": (lambda t: t.slice(0, 1_999), "1,999 rows, expected 2,000"),
    "a column is missing": (lambda t: t.drop_columns("day"), "columns .*, expected .*'day'"),
    "a type is smaller": (
        lambda t: t.set_column(2, "price", t["price"].cast(pyarrow.float32())),
        "column price is float, expected double",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_result_is_caught_and_placed(name, cases, tmp_path):
    damage, message = WRONG[name]
    pyarrow.parquet.write_table(damage(normalized(cases["decimals"])), tmp_path / "rows.parquet")
    with pytest.raises(WrongResult, match=message):
        check(cases["decimals"].parquet, tmp_path)


@pytest.mark.parametrize("source", ["parquet", "decimals"])
def test_a_right_result_in_several_parts_passes(source, cases, tmp_path):
    table = normalized(cases[source])
    for number, start in enumerate((0, 300, 1_100)):
        part = table.slice(start, (300, 800, 900)[number])
        pyarrow.parquet.write_table(part, tmp_path / f"part-{number}.parquet", row_group_size=70)
    check(cases[source].parquet, tmp_path)
