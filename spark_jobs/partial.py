"""What a part of the rows contributes to the summary; partials merge in any order.

Moments merge as in contracts.moments, here for arrays: of each group and column, and of each pair
of columns over the rows in which both are present.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy

from contracts.summary import OUTLIER_Z, ColumnSummary, GroupSummary

Array = Any

SMALLEST_VARIANCE = 1e-24
"""Below it z-scores are constant but for rounding, and correlate with nothing."""


@dataclass(frozen=True)
class Partial:
    """`groups` in the order of the first axis; of shape (groups,) or (groups, columns).

    The pairs' arrays are (columns, columns): `together` counts the rows that have both, `mean` is
    that of the row's column, `m2` and `product` are sums of squared and of mixed deviations.
    """

    groups: tuple[str | None, ...]
    rows: Array
    count: Array
    mean: Array
    m2: Array
    minimum: Array
    maximum: Array
    outliers: Array
    together: Array
    pair_mean: Array
    pair_m2: Array
    product: Array


def partial_of(values: Array, codes: Array, groups: Sequence[str | None]) -> Partial:
    """Of float64 `values`, shape (rows, columns), NaN for null; `codes` are indices of `groups`.

    Every group must occur.
    """
    order = numpy.argsort(codes, kind="stable")
    values, codes = values[order], codes[order]
    rows = numpy.bincount(codes, minlength=len(groups))
    starts = numpy.concatenate([[0], numpy.cumsum(rows)[:-1]])
    present = ~numpy.isnan(values)
    filled = numpy.where(present, values, 0.0)
    count = numpy.add.reduceat(present, starts, axis=0, dtype=numpy.int64)
    mean = numpy.add.reduceat(filled, starts, axis=0) / numpy.maximum(count, 1)
    deviation = numpy.where(present, values - mean[codes], 0.0)
    return Partial(
        groups=tuple(groups),
        rows=rows,
        count=count,
        mean=mean,
        m2=numpy.add.reduceat(deviation * deviation, starts, axis=0),
        minimum=numpy.fmin.reduceat(values, starts, axis=0),
        maximum=numpy.fmax.reduceat(values, starts, axis=0),
        outliers=numpy.add.reduceat(
            numpy.abs(filled) > OUTLIER_Z, starts, axis=0, dtype=numpy.int64
        ),
        **_pairs(filled, present.astype(numpy.float64)),
    )


def _pairs(filled: Array, present: Array) -> dict[str, Array]:
    """The pairs' moments, about each column's own mean, which keeps the digits."""
    center = filled.sum(axis=0) / numpy.maximum(present.sum(axis=0), 1)
    shifted = (filled - center) * present
    together = present.T @ present
    divisor = numpy.maximum(together, 1)
    mean = (shifted.T @ present) / divisor
    return {
        "together": together,
        "pair_mean": mean + center[:, None],
        "pair_m2": (shifted * shifted).T @ present - mean * mean * together,
        "product": shifted.T @ shifted - mean * mean.T * together,
    }


def merge(a: Partial, b: Partial) -> Partial:
    """The partial of both sets of rows."""
    groups = tuple(dict.fromkeys(a.groups + b.groups))
    a, b = _spread(a, groups), _spread(b, groups)
    count = a.count + b.count
    delta = b.mean - a.mean
    share = b.count / numpy.maximum(count, 1)
    together = a.together + b.together
    pair_delta = b.pair_mean - a.pair_mean
    pair_share = b.together / numpy.maximum(together, 1)
    return Partial(
        groups=groups,
        rows=a.rows + b.rows,
        count=count,
        mean=numpy.where(a.count > 0, a.mean + delta * share, b.mean),
        m2=a.m2 + b.m2 + delta * delta * a.count * share,
        minimum=numpy.fmin(a.minimum, b.minimum),
        maximum=numpy.fmax(a.maximum, b.maximum),
        outliers=a.outliers + b.outliers,
        together=together,
        pair_mean=numpy.where(a.together > 0, a.pair_mean + pair_delta * pair_share, b.pair_mean),
        pair_m2=a.pair_m2 + b.pair_m2 + pair_delta * pair_delta * a.together * pair_share,
        product=a.product + b.product + pair_delta * pair_delta.T * a.together * pair_share,
    )


def _spread(partial: Partial, groups: tuple[str | None, ...]) -> Partial:
    """The same partial with a place for each of `groups`."""
    index = {group: place for place, group in enumerate(groups)}
    places = [index[group] for group in partial.groups]

    def spread(array: Array, empty: float) -> Array:
        wide = numpy.full((len(groups), *array.shape[1:]), empty, dtype=array.dtype)
        wide[places] = array
        return wide

    return Partial(
        groups=groups,
        rows=spread(partial.rows, 0),
        count=spread(partial.count, 0),
        mean=spread(partial.mean, 0.0),
        m2=spread(partial.m2, 0.0),
        minimum=spread(partial.minimum, numpy.nan),
        maximum=spread(partial.maximum, numpy.nan),
        outliers=spread(partial.outliers, 0),
        together=partial.together,
        pair_mean=partial.pair_mean,
        pair_m2=partial.pair_m2,
        product=partial.product,
    )


def group_summaries(partial: Partial) -> tuple[GroupSummary, ...]:
    """The groups in order, null first."""
    order = sorted(
        range(len(partial.groups)),
        key=lambda place: (partial.groups[place] is not None, partial.groups[place] or ""),
    )
    return tuple(
        GroupSummary(
            partial.groups[place],
            int(partial.rows[place]),
            tuple(_column(partial, place, column) for column in range(partial.count.shape[1])),
        )
        for place in order
    )


def _column(partial: Partial, place: int, column: int) -> ColumnSummary:
    count = int(partial.count[place, column])
    if not count:
        return ColumnSummary(0, None, None, None, None, 0)
    return ColumnSummary(
        count=count,
        mean=float(partial.mean[place, column]),
        std=float(numpy.sqrt(partial.m2[place, column] / count)),
        minimum=float(partial.minimum[place, column]),
        maximum=float(partial.maximum[place, column]),
        outliers=int(partial.outliers[place, column]),
    )


def correlation(partial: Partial) -> tuple[tuple[float | None, ...], ...]:
    """Pearson's r of each pair of columns; None with a constant one."""
    least = SMALLEST_VARIANCE * numpy.maximum(partial.together, 1)
    varies = (partial.pair_m2 > least) & (least < partial.pair_m2.T)
    scale = numpy.sqrt(partial.pair_m2 * partial.pair_m2.T)
    r = numpy.where(varies, partial.product / numpy.where(varies, scale, 1.0), numpy.nan)
    return tuple(tuple(None if numpy.isnan(x) else float(x) for x in row) for row in r)
