"""Moments of pairs of columns over the rows that have both; those of all rows by merging.

Of the rows that have all columns they come from one matrix product of the centred columns, of the
others from four, with 0 for null. Where few rows have both columns, those may lie far from the
column's mean and close together; then the products cancel, and the pair is computed again from its
own rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy

from spark_jobs.group_moments import merge_moments

Array = Any
"""A NumPy array."""

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
    def of_values(cls, values: Array) -> PairMoments:
        """Of float64 `values` of shape (columns, rows), C-contiguous, NaN for null."""
        absent = numpy.isnan(values)
        complete = ~absent.any(axis=0)
        if not complete.any():
            return cls._of_incomplete_rows(values, ~absent)
        if complete.all():
            return cls._of_complete_rows(values)
        some, others = numpy.flatnonzero(complete), numpy.flatnonzero(~complete)
        return cls._of_complete_rows(values.take(some, axis=1)).merge(
            cls._of_incomplete_rows(values.take(others, axis=1), ~absent.take(others, axis=1))
        )

    @classmethod
    def _of_complete_rows(cls, values: Array) -> PairMoments:
        columns, rows = values.shape
        mean = numpy.array([_mean(column) for column in values])
        centred = values - mean[:, None]
        product = centred @ centred.T
        of_i = numpy.ones((columns, columns))
        return cls(
            count=rows * of_i,
            mean=mean[:, None] * of_i,
            m2=product.diagonal()[:, None] * of_i,
            product=product,
        )

    @classmethod
    def _of_incomplete_rows(cls, values: Array, present: Array) -> PairMoments:
        weights = present.astype(numpy.float64)
        centre = _centres(values, weights)
        centred = numpy.where(present, values - centre[:, None], 0.0)
        count = weights @ weights.T
        share = 1 / numpy.maximum(count, 1)
        total = centred @ weights.T
        squares = (centred * centred) @ weights.T
        m2 = squares - total * total * share
        moments = cls(
            count=count,
            mean=numpy.where(count > 0, centre[:, None] + total * share, 0.0),
            m2=m2,
            product=centred @ centred.T - total * total.T * share,
        )
        cancelled = m2 < WORST_CANCELLATION * squares
        for i, j in numpy.argwhere(numpy.triu(cancelled | cancelled.T, 1)):
            moments._compute_again(i, j, values[:, present[i] & present[j]])
        return moments

    def _compute_again(self, i: int, j: int, values: Array) -> None:
        """Set the moments of i and j from `values`, the rows that have both."""
        x, y = values[i] - _mean(values[i]), values[j] - _mean(values[j])
        self.mean[i, j], self.mean[j, i] = _mean(values[i]), _mean(values[j])
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


def _centres(values: Array, weights: Array) -> Array:
    """Each column's mean, exactly its value when it has only one, and 0 when it has none."""
    sums = numpy.nansum(values, axis=1)
    means = sums / numpy.maximum(weights.sum(axis=1), 1)
    # NaN is what both start from, or of no rows they would fail.
    lowest = numpy.fmin.reduce(values, axis=1, initial=numpy.nan)
    highest = numpy.fmax.reduce(values, axis=1, initial=numpy.nan)
    return numpy.where(lowest == highest, lowest, means)


def _mean(values: Array) -> Any:
    """The mean of some values, exactly their value when they are all the same."""
    return values[0] if (values == values[0]).all() else values.mean()
