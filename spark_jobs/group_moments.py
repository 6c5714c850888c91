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
    def of_rows(cls, group: Any, columns: Sequence[Array]) -> GroupMoments:
        """Of columns of float64, NaN for null, grouped by the Arrow column `group`.

        Raises GroupingError.
        """
        keys = pyarrow.compute.dictionary_encode(keys_of(group), null_encoding="encode")
        if isinstance(keys, pyarrow.ChunkedArray):
            keys = keys.combine_chunks()
        groups = len(keys.dictionary)
        check_number(groups)
        # Of two bytes or less NumPy sorts by radix.
        codes = keys.indices.to_numpy().astype(numpy.min_scalar_type(groups))
        rows = numpy.bincount(codes, minlength=groups)
        order = numpy.argsort(codes, kind="stable")
        # One memory for all columns: the system clears what is new.
        memory = numpy.empty((2, len(order)))
        in_order = codes[order]
        statistics = [_statistics(values, order, in_order, rows, memory) for values in columns]
        count, mean, m2, minimum, maximum, outliers = (
            numpy.stack(of_columns, axis=1) for of_columns in zip(*statistics, strict=True)
        )
        return cls(
            texts=tuple(key_text(key, group.type) for key in keys.dictionary.to_pylist()),
            rows=rows,
            count=count,
            mean=mean,
            m2=m2,
            minimum=minimum,
            maximum=maximum,
            outliers=outliers,
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


def _statistics(
    values: Array, order: Array, codes: Array, rows: Array, memory: Array
) -> tuple[Array, ...]:
    """Count, mean, m2, minimum, maximum and outliers of a column's groups.

    `order` puts the values of one group after those of another. In it, `codes` are the groups'
    numbers; `rows` is how many rows each has, at least one. `memory`, of shape (2, values), is
    for what lies between.
    """
    values, other = values.take(order, out=memory[0], mode="clip"), memory[1]
    starts = numpy.cumsum(rows) - rows

    def number_of(positions: Array) -> Array:
        return numpy.bincount(codes[positions], minlength=len(rows))

    absent = numpy.flatnonzero(numpy.isnan(values))
    count = rows - number_of(absent)
    values[absent] = numpy.inf
    lowest = numpy.minimum.reduceat(values, starts)
    values[absent] = -numpy.inf
    highest = numpy.maximum.reduceat(values, starts)
    values[absent] = 0.0
    outliers = number_of(numpy.flatnonzero(numpy.abs(values, out=other) > OUTLIER_Z))
    means = numpy.add.reduceat(values, starts) / numpy.maximum(count, 1)
    # The mean of equal values may be off by a rounding, and then they would deviate.
    means = numpy.where(lowest == highest, lowest, means)
    deviations = numpy.subtract(values, numpy.repeat(means, rows), out=values)
    deviations[absent] = 0.0
    m2 = numpy.add.reduceat(numpy.multiply(deviations, deviations, out=deviations), starts)
    return count, means, m2, lowest, highest, outliers
