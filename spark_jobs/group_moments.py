"""Statistics of groups × columns of some rows; those of all rows by merging."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy
import pyarrow
import pyarrow.compute

from contracts.summary import OUTLIER_Z, ColumnSummary, GroupSummary
from spark_jobs.groups import check_number, key_text, keys_of

Array = Any
"""A NumPy array."""


def merge_moments(
    a: tuple[Array, Array, Array], b: tuple[Array, Array, Array]
) -> tuple[Array, Array, Array]:
    """(count, mean, M2) of both sets of values, as contracts.moments merges, but of arrays.

    Where a count is 0, mean and M2 must be 0.
    """
    (count_a, mean_a, m2_a), (count_b, mean_b, m2_b) = a, b
    count = count_a + count_b
    share = count_b / numpy.maximum(count, 1)
    delta = mean_b - mean_a
    return count, mean_a + delta * share, m2_a + m2_b + delta * delta * (count_a * share)


@dataclass(frozen=True)
class GroupMoments:
    """`texts` are the groups and `rows`, of shape (groups,), how many rows each has.

    All else has the shape (groups, columns). Of no values the mean and `m2`, the sum of squared
    deviations, are 0, the minimum is +inf and the maximum −inf.
    """

    texts: tuple[str | None, ...]
    rows: Array
    count: Array
    mean: Array
    m2: Array
    minimum: Array
    maximum: Array
    outliers: Array

    @classmethod
    def of_rows(cls, group: Any, columns: Sequence[Any]) -> GroupMoments:
        """Of Arrow columns of float64 without NaN, grouped by the Arrow column `group`.

        Raises GroupingError.
        """
        names = [f"c{i}" for i in range(len(columns))]
        far_out = [
            pyarrow.compute.greater(pyarrow.compute.abs(column), OUTLIER_Z) for column in columns
        ]
        table = pyarrow.table(
            [keys_of(group), *columns, *far_out],
            names=["group", *names, *(f"{name}_far_out" for name in names)],
        )
        of_each = ("count", "mean", "variance", "min", "max")
        found = table.group_by("group", use_threads=False).aggregate(
            [
                ([], "count_all"),
                *((name, statistic) for name in names for statistic in of_each),
                *((f"{name}_far_out", "sum") for name in names),
            ]
        )

        check_number(len(found))

        def array(statistic: str, of_none: float) -> Array:
            of_columns = [
                found[f"{name}_{statistic}"].fill_null(of_none).to_numpy() for name in names
            ]
            return numpy.stack(of_columns, axis=1)

        count = array("count", 0)
        minimum, maximum = array("min", numpy.inf), array("max", -numpy.inf)
        constant = minimum == maximum
        return cls(
            texts=tuple(key_text(key, group.type) for key in found["group"].to_pylist()),
            rows=found["count_all"].to_numpy(),
            count=count,
            # The mean of equal values may be off by a rounding, and then they would deviate.
            mean=numpy.where(constant, minimum, array("mean", 0.0)),
            m2=numpy.where(constant, 0.0, array("variance", 0.0) * count),
            minimum=minimum,
            maximum=maximum,
            outliers=array("far_out_sum", 0).astype(numpy.int64),
        )

    def merge(self, other: GroupMoments) -> GroupMoments:
        """Those of both sets of rows. Raises GroupingError."""
        texts = tuple(dict.fromkeys((*self.texts, *other.texts)))
        check_number(len(texts))
        a, b = self._with_places_for(texts), other._with_places_for(texts)
        count, mean, m2 = merge_moments((a.count, a.mean, a.m2), (b.count, b.mean, b.m2))
        return GroupMoments(
            texts=texts,
            rows=a.rows + b.rows,
            count=count,
            mean=mean,
            m2=m2,
            minimum=numpy.minimum(a.minimum, b.minimum),
            maximum=numpy.maximum(a.maximum, b.maximum),
            outliers=a.outliers + b.outliers,
        )

    def _with_places_for(self, texts: tuple[str | None, ...]) -> GroupMoments:
        """The same with `texts` as groups; the new ones have no rows."""
        if texts == self.texts:
            return self
        place = {text: index for index, text in enumerate(texts)}
        places = [place[text] for text in self.texts]

        def spread(array: Array, of_none: float) -> Array:
            wide = numpy.full((len(texts), *array.shape[1:]), of_none, dtype=array.dtype)
            wide[places] = array
            return wide

        return GroupMoments(
            texts=texts,
            rows=spread(self.rows, 0),
            count=spread(self.count, 0),
            mean=spread(self.mean, 0.0),
            m2=spread(self.m2, 0.0),
            minimum=spread(self.minimum, numpy.inf),
            maximum=spread(self.maximum, -numpy.inf),
            outliers=spread(self.outliers, 0),
        )

    def varies(self) -> list[bool]:
        """Of each column, whether it has two different values in all groups together."""
        lowest = self.minimum.min(axis=0, initial=numpy.inf)
        highest = self.maximum.max(axis=0, initial=-numpy.inf)
        return [bool(varies) for varies in lowest < highest]

    def summaries(self) -> list[GroupSummary]:
        """The groups as the summary has them, in no order."""
        columns = range(self.count.shape[1])
        return [
            GroupSummary(text, int(self.rows[g]), tuple(self._column(g, c) for c in columns))
            for g, text in enumerate(self.texts)
        ]

    def _column(self, group: int, column: int) -> ColumnSummary:
        place = group, column
        count = int(self.count[place])
        if not count:
            return ColumnSummary(0, None, None, None, None, 0)
        return ColumnSummary(
            count=count,
            mean=float(self.mean[place]),
            std=float(numpy.sqrt(self.m2[place] / count)),
            minimum=float(self.minimum[place]),
            maximum=float(self.maximum[place]),
            outliers=int(self.outliers[place]),
        )
