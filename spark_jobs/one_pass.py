"""The same in one scan and one aggregation: sums of values and of products.

The rows are grouped by their key and by which of their columns are null. Of the rows of such a
cell a column is there or not at all, so one sum of products for each pair of columns, without a
look at nulls, serves the pairwise correlations and, of a column with itself, the deviations. The
cells, few as patterns of nulls are, are then unfolded into pairs and summed up in Spark, so that
the driver gets a row for each group and column and one for each pair.

Few rows change an extreme or are outliers, and looking costs less than writing: extremes are asked
only of values beyond what their group is known to reach, and of all values of the other groups.

Sums of squares cancel when values lie close together and far from 0, which z-scores rarely do. How
much they cancelled shows in what is left of them; what lost digits is asked of the long form.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import Any

from pyspark.sql import Column, DataFrame, functions

from contracts.summary import OUTLIER_Z, ColumnSummary
from spark_jobs.correlation import WORST_CANCELLATION
from spark_jobs.long_form import Cell, Pair, by_group, correlations
from spark_jobs.sample import Reached

MOST_COLUMNS = 12
"""More of them have too many patterns of nulls, and pairs that take too long to compile."""


@dataclass(frozen=True)
class _Sums:
    """Sums over the `count` rows in which both i and j are present, of all groups; of the rows of
    one group with this `key` where i is j. `rows` is how many there are with the absent ones.
    """

    key: Any
    i: int
    j: int
    rows: int
    count: int
    of_i: float
    of_j: float
    squares_of_i: float
    squares_of_j: float
    products: float
    minimum: float | None
    maximum: float | None
    outliers: int

    @property
    def deviations(self) -> tuple[float, float]:
        """The sums of the squared deviations of i and of j."""
        return (
            self.squares_of_i - self.of_i * self.of_i / self.count,
            self.squares_of_j - self.of_j * self.of_j / self.count,
        )

    @property
    def keeps_its_digits(self) -> bool:
        squares = (self.squares_of_i, self.squares_of_j)
        return all(
            left >= WORST_CANCELLATION * of_all
            for left, of_all in zip(self.deviations, squares, strict=True)
        )

    @property
    def correlation(self) -> float | None:
        """Pearson's r of i and j."""
        of_i, of_j = self.deviations
        deviation = math.sqrt(of_i) * math.sqrt(of_j)
        product = self.products - self.of_i * self.of_j / self.count
        return product / deviation if deviation > 0 else None


def summarise(
    frame: DataFrame, width: int, rows: int, reached: Reached
) -> tuple[list[Cell], dict[Pair, float | None]]:
    """Each group's statistics of each column, and the correlation of each pair of columns.

    `frame` is of `key` and of `width` columns c0, c1, …, and has `rows` rows; `reached` is what
    some of them reach.
    """
    found = [_Sums(*row) for row in _sums(frame, width, reached).collect()]
    cells = _cells(frame, [sums for sums in found if sums.i == sums.j])
    r = _correlations(frame, [sums for sums in found if sums.i < sums.j], rows)
    return cells, r


def _sums(frame: DataFrame, width: int, reached: Reached) -> DataFrame:
    """The rows of _Sums, from those of the cells, unfolded."""
    columns = range(width)
    pairs = list(combinations_with_replacement(columns, 2))
    lowest = (_extreme("min", f"c{i}", "<", low) for i, low in enumerate(reached.lows))
    highest = (_extreme("max", f"c{i}", ">", high) for i, high in enumerate(reached.highs))
    # One statement, for Spark analyses all columns again with each step that is taken in Python.
    return frame.sparkSession.sql(
        f"""
        WITH filled AS (
            SELECT
                key,
                known,
                {" + ".join(f"IF(c{i} IS NULL, {1 << i}L, 0L)" for i in columns)} AS absent,
                {_list(f"coalesce(c{i}, 0D) AS c{i}" for i in columns)}
            FROM {{frame}}
        ), cells AS (
            SELECT
                key,
                absent,
                count(1) AS rows,
                {_array(f"sum(c{i})" for i in columns)} AS s,
                {_array(f"sum(c{i} * c{i})" for i in columns)} AS q,
                {_array(f"sum(c{i} * c{j})" for i, j in pairs)} AS products,
                {_array(lowest)} AS lo,
                {_array(highest)} AS hi,
                {_array(f"count(1) FILTER (WHERE abs(c{i}) > {OUTLIER_Z}D)" for i in columns)} AS o
            FROM filled
            GROUP BY key, absent
        ), unfolded AS (
            SELECT
                *,
                {_array(str(i) for i, _ in pairs)}[place] AS i,
                {_array(str(j) for _, j in pairs)}[place] AS j
            FROM (SELECT *, posexplode(products) AS (place, product) FROM cells)
        ), of_pairs AS (
            SELECT
                *,
                IF(i = j, key, NULL) AS of,
                (absent & (shiftleft(1L, i) | shiftleft(1L, j))) = 0 AS both
            FROM unfolded
        )
        SELECT
            of,
            i,
            j,
            sum(rows),
            sum(IF(both, rows, 0L)),
            sum(s[i]) FILTER (WHERE both),
            sum(s[j]) FILTER (WHERE both),
            sum(q[i]) FILTER (WHERE both),
            sum(q[j]) FILTER (WHERE both),
            sum(product) FILTER (WHERE both),
            min(lo[i]) FILTER (WHERE both),
            max(hi[i]) FILTER (WHERE both),
            sum(o[i])
        FROM of_pairs
        GROUP BY of, i, j
        """,
        frame=frame.withColumn("known", _is_one_of(reached.keys)),
    )


def _cells(frame: DataFrame, found: Sequence[_Sums]) -> list[Cell]:
    lost = sorted({sums.i for sums in found if not (_is_plain(sums) or sums.keeps_its_digits)})
    kept = [Cell(s.key, s.i, s.rows, _column_summary(s)) for s in found if s.i not in lost]
    return [*kept, *by_group(frame, lost)] if lost else kept


def _is_plain(sums: _Sums) -> bool:
    """Whether there is nothing to sum up, because all values are the same, or there are none."""
    return sums.minimum == sums.maximum


def _column_summary(sums: _Sums) -> ColumnSummary:
    if not sums.count:
        return ColumnSummary(0, None, None, None, None, 0)
    constant = _is_plain(sums)
    return ColumnSummary(
        count=sums.count,
        mean=sums.minimum if constant else sums.of_i / sums.count,
        std=0.0 if constant else math.sqrt(sums.deviations[0] / sums.count),
        minimum=sums.minimum,
        maximum=sums.maximum,
        outliers=sums.outliers,
    )


def _correlations(frame: DataFrame, found: Sequence[_Sums], rows: int) -> dict[Pair, float | None]:
    r: dict[Pair, float | None] = {}
    lost: list[Pair] = []
    for sums in found:
        pair = sums.i, sums.j
        if not sums.count:
            r[pair] = None
        elif sums.keeps_its_digits:
            r[pair] = sums.correlation
        else:
            lost.append(pair)
    if lost:
        again = correlations(frame, sorted({column for pair in lost for column in pair}), rows)
        r |= {pair: again[pair] for pair in lost}
    return r


def _is_one_of(keys: Sequence[Any]) -> Column:
    key = functions.col("key")
    others = [each for each in keys if each is not None]
    return functions.when(key.isNull(), None in keys).otherwise(key.isin(others))


def _extreme(function: str, column: str, beyond: str, reached: float) -> str:
    bound = f"double('{reached!r}')"  # SQL has no literal for infinity.
    found = f"{function}({column}) FILTER (WHERE NOT known OR {column} {beyond} {bound})"
    return f"coalesce({found}, {bound})"


def _list(items: Iterable[str]) -> str:
    return ", ".join(items)


def _array(items: Iterable[str]) -> str:
    return f"array({_list(items)})"
