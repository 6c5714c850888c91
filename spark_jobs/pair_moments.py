"""Moments of pairs of columns over the rows that have both; those of all rows by merging.

Of the rows that have all columns they come from one matrix product of the centred columns, of the
others from four, with 0 for null. Where few rows have both columns, those may lie far from the
column's mean and close together; then the products cancel, and the pair is computed again from its
own rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy

from spark_jobs.group_moments import merge_moments

Array = Any
"""A NumPy array."""

TILE = 2**17
"""Values, 1 MiB: they stay near the core while one NumPy call after the other passes over them."""

WORST_CANCELLATION = 1e-3
"""A pair is computed again when less than this of the sum of squares is left: at most three of
the sixteen digits are lost, and nine are asked for."""


@dataclass(frozen=True)
class PairMoments:
    """Arrays of shape (columns, columns); [i, j] is over the rows in which both are present.

    `mean` and `m2`, the sum of squared deviations, are those of column i; `product` is the sum of
    the products of i's and j's deviations.
    """

    count: Array
    mean: Array
    m2: Array
    product: Array

    @classmethod
    def of_values(cls, columns: Sequence[Array]) -> PairMoments:
        """Of columns of float64, equally long, NaN for null."""
        rows = max(1, TILE // len(columns))
        tops = range(0, max(1, len(columns[0])), rows)
        tiles = (cls._of_tile([column[top : top + rows] for column in columns]) for top in tops)
        return reduce(PairMoments.merge, tiles)

    @classmethod
    def _of_tile(cls, columns: Sequence[Array]) -> PairMoments:
        values = numpy.array(columns)
        absent = numpy.isnan(values)
        # Deviations from one of the values, which are 0 where all are the same.
        origin = _first_present(values, absent)
        values -= origin[:, None]
        numpy.copyto(values, 0.0, where=absent)
        products = values @ values.T
        squares = products.diagonal()[:, None]
        # Only rows in which both are present count for a pair. Most are complete.
        incomplete = numpy.flatnonzero(absent.any(axis=0))
        without = absent.take(incomplete, axis=1).astype(numpy.float64)
        beside = values.take(incomplete, axis=1)
        present = values.shape[1] - without.sum(axis=1)
        count = present[:, None] - (1 - without) @ without.T
        total = values.sum(axis=1)[:, None] - beside @ without.T
        share = 1 / numpy.maximum(count, 1)
        m2 = squares - (beside * beside) @ without.T - total * total * share
        moments = cls(
            count=count,
            mean=numpy.where(count > 0, origin[:, None] + total * share, 0.0),
            m2=m2,
            product=products - total * total.T * share,
        )
        cancelled = m2 < WORST_CANCELLATION * squares
        for i, j in numpy.argwhere(numpy.triu(cancelled | cancelled.T, 1)):
            both = ~(absent[i] | absent[j])
            moments._set_exactly(i, j, columns[i][both], columns[j][both])
        return moments

    def _set_exactly(self, i: int, j: int, x: Array, y: Array) -> None:
        """Set the moments of i and j from `x` and `y`, their values in the rows that have both."""
        self.mean[i, j], x = _centred(x)
        self.mean[j, i], y = _centred(y)
        self.m2[i, j], self.m2[j, i] = x @ x, y @ y
        self.product[i, j] = self.product[j, i] = x @ y

    def merge(self, other: PairMoments) -> PairMoments:
        """Those of both sets of rows."""
        count, mean, m2 = merge_moments(
            (self.count, self.mean, self.m2), (other.count, other.mean, other.m2)
        )
        delta = other.mean - self.mean
        weight = self.count * (other.count / numpy.maximum(count, 1))
        product = self.product + other.product + delta * delta.T * weight
        return PairMoments(count, mean, m2, product)

    def correlation(self, i: int, j: int) -> float | None:
        """Pearson's r of columns i and j, None when one is constant where both are present."""
        deviation = numpy.sqrt(self.m2[i, j]) * numpy.sqrt(self.m2[j, i])
        return float(self.product[i, j] / deviation) if deviation > 0 else None


def _first_present(values: Array, absent: Array) -> Array:
    """A value of each column, 0 where it has none."""
    if not values.shape[1]:
        return numpy.zeros(len(values))
    first = values[numpy.arange(len(values)), absent.argmin(axis=1)]
    return numpy.where(numpy.isnan(first), 0.0, first)


def _centred(values: Array) -> tuple[float, Array]:
    """The mean of some values, exactly their value when they are all the same, and what deviates
    from it; 0 of no values."""
    if not len(values):
        return 0.0, values
    deviations = values - values[0]
    mean = deviations.mean()
    return values[0] + mean, deviations - mean
