from __future__ import annotations

from itertools import combinations

import numpy
import pytest

from spark_jobs import long_form
from spark_jobs.long_form import MANY_ROWS, by_group, correlations


def test_statistics_by_group_are_a_row_for_each_group_and_column(frame):
    found = {(cell.key, cell.column) for cell in by_group(frame, range(3))}
    assert found == {(key, column) for key in ("a", None) for column in range(3)}


@pytest.mark.parametrize("rows", [0, MANY_ROWS], ids=["few", "many"])
@pytest.mark.parametrize("at_once", [1, 2, 3, 100])
def test_correlations_are_the_same_however_they_are_computed(
    frame, table, monkeypatch, rows, at_once
):
    monkeypatch.setattr(long_form, "PAIRS_AT_ONCE", at_once)
    values = numpy.stack([table[name].to_numpy() for name in ("x", "X", "a.b")])
    r = numpy.corrcoef(values)
    expected = {(i, j): pytest.approx(r[i, j]) for i, j in combinations(range(3), 2)}
    assert correlations(frame, range(3), rows) == expected


@pytest.mark.parametrize("rows", [0, MANY_ROWS], ids=["few", "many"])
def test_columns_that_are_left_out_have_no_correlations(frame, rows):
    assert correlations(frame, [], rows) == {}
    assert correlations(frame, [1], rows) == {}
    assert set(correlations(frame, [0, 2], rows)) == {(0, 2)}
