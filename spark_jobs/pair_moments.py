"""Moments of pairs of columns over the rows that have both; those of all rows by merging.

Tile by tile: deviations from one of a column's values, 0 for null, and one product of the matrix
with itself. Sums of one column that depend on the other are made of those over the rows that have
all columns and, apart, those over the rows that have not. Where such sums cancel, a pair is
computed again from its own rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy

from spark_jobs.correlation import WORST_CANCELLATION
from spark_jobs.group_moments import merge_moments

Array = Any
"""A NumPy array."""

TILE_ROWS = 16_384
"""Of few columns they stay near the core while one NumPy call after the other passes over them."""


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
        tops = range(0, max(1, len(columns[0])), TILE_ROWS)
        return reduce(
            PairMoments.merge,
            (cls._of_tile([column[top : top + TILE_ROWS] for column in columns]) for top in tops),
        )

    @classmethod
    def _of_tile(cls, columns: Sequence[Array]) -> PairMoments:
        values = numpy.array(columns)
        absent = numpy.isnan(values)
        origin = _first_present(values, absent)
        values -= origin[:, None]
        numpy.copyto(values, 0.0, where=absent)
        products = values @ values.T
        rows = values.shape[1]
        incomplete = numpy.flatnonzero(absent.any(axis=0))
        if 2 * len(incomplete) > rows:
            # What a few complete rows add would be lost in the rounding of the sums over all.
            incomplete = numpy.arange(rows)
        complete = rows - len(incomplete)
        present = 1.0 - absent.take(incomplete, axis=1)
        beside = values.take(incomplete, axis=1)
        count = complete + present @ present.T
        total, squares = beside @ present.T, (beside * beside) @ present.T
        summed = squares
        if complete:
            summed = products.diagonal()[:, None]
            total += (values.sum(axis=1) - beside.sum(axis=1))[:, None]
            squares += summed - (beside * beside).sum(axis=1)[:, None]
        share = 1 / numpy.maximum(count, 1)
        m2 = squares - total * total * share
        moments = cls(
            count=count,
            mean=numpy.where(count > 0, origin[:, None] + total * share, 0.0),
            m2=m2,
            product=products - total * total.T * share,
        )
        cancelled = m2 < WORST_CANCELLATION * summed
        for i, j in numpy.argwhere(numpy.triu(cancelled | cancelled.T)):
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
    from it."""
    deviations = values - values[0]
    mean = deviations.mean()
    return values[0] + mean, deviations - mean
