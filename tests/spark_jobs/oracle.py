"""What a summary should be, by pandas and NumPy over whole columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy
import pandas

from analysis.agreement import compare_summaries
from contracts.codec import from_json, to_json
from contracts.spec import SparkSpec
from contracts.summary import MOST_CORRELATED, ColumnSummary, GroupSummary, Summary


def expected_summary(spec: SparkSpec, table: Any, texts: Sequence[str | None] | None) -> Summary:
    """The summary of all rows in one Arrow table; `texts` are the rows' groups, None of one."""
    values = table.select(spec.columns).to_pandas().astype("float64")
    group = pandas.Series(texts or [None] * len(table), dtype=object)
    groups = {
        None if pandas.isna(text) else text: rows
        for text, rows in values.groupby(group, dropna=False)
    }
    correlated = [column.to_numpy() for column in columns(values)[:MOST_CORRELATED]]
    return Summary(
        pipeline="oracle",
        rows=len(values),
        group_by=spec.group_by,
        columns=spec.columns,
        groups=tuple(
            GroupSummary(text, len(groups[text]), tuple(map(column_summary, columns(groups[text]))))
            for text in sorted(groups, key=lambda text: (text is not None, text or ""))
        ),
        correlation=tuple(tuple(pearson(x, y) for y in correlated) for x in correlated),
    )


def columns(values: pandas.DataFrame) -> list[pandas.Series]:
    return [values.iloc[:, index] for index in range(values.shape[1])]


def column_summary(values: pandas.Series) -> ColumnSummary:
    present = values.dropna()
    if present.empty:
        return ColumnSummary(0, None, None, None, None, 0)
    return ColumnSummary(
        count=len(present),
        mean=float(present.mean()),
        std=float(present.std(ddof=0)),
        minimum=float(present.min()),
        maximum=float(present.max()),
        outliers=int((present.abs() > 3).sum()),
    )


def pearson(x: Any, y: Any) -> float | None:
    """Pearson's r of two arrays where neither is NaN, None when either is constant there."""
    both = ~(numpy.isnan(x) | numpy.isnan(y))
    if len(set(x[both])) < 2 or len(set(y[both])) < 2:
        return None
    return float(numpy.corrcoef(x[both], y[both])[0, 1])


def assert_agree(found: Summary, expected: Summary) -> None:
    """Equal to 1e-9, and a document that can be written and read."""
    agreement = compare_summaries(found, expected)
    assert agreement.agree, agreement
    assert from_json(Summary, to_json(found)) == found
