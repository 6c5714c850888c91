"""The scaler's arithmetic on the CPU: tile by tile, a few thousand rows of all columns.

A tile stays near the core while one NumPy call after the other passes over it, and is large
enough that threads do not wait for each other: they hold Python's lock between two calls. A tile's
moments are those of the corrected two-pass algorithm: the deviations are taken from the tile's own
mean, and their sum, which is 0 but for rounding, corrects both the mean and the sum of squares.

Source: T. F. Chan, G. H. Golub, R. J. LeVeque, "Algorithms for Computing the Sample Variance:
Analysis and Recommendations", The American Statistician 37 (1983).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy

from contracts.moments import Moments

TILE = 2**18
"""Values, 2 MiB; with less, two threads take each other the time that they save in the cache."""

TILE_ROWS = 2**15


def measure(block: Any, copy: bool = True) -> Iterator[tuple[int, int, int, Moments]]:
    """The index of a column, and rows, NaNs and moments of one of its tiles, in the rows' order.

    `block` is anything that NumPy takes for an array of shape (rows, columns). Without `copy` it
    may be overwritten.
    """
    values = _by_columns(block)
    for tile in _tiles(*values.shape):
        cells = values[tile].copy(order="F") if copy else values[tile]
        nulls, moments = _of_tile(cells)
        for index, of_column in enumerate(moments):
            yield tile[1].start + index, len(cells), int(nulls[index]), of_column


def standardize(block: Any, mean: Any, scale: Any, dtype: Any, copy: bool = True) -> Any:
    """(block - mean) / scale as an array of `dtype`, NaN where that is not finite.

    It is a new one, or without `copy` it may be the block's.
    """
    values = _by_columns(block)
    in_place = not copy and numpy.dtype(dtype) == values.dtype
    z = values if in_place else numpy.empty(values.shape, dtype, order="F")
    with numpy.errstate(over="ignore", invalid="ignore"):
        for tile in _tiles(*values.shape):
            scaled = z[tile]
            wide = scaled.dtype == values.dtype
            deviation = scaled if wide else numpy.empty(scaled.shape, order="F")
            numpy.subtract(values[tile], mean[tile[1]], out=deviation)
            numpy.divide(deviation, scale[tile[1]], out=scaled, casting="same_kind")
            if not (finite := numpy.isfinite(scaled)).all():
                numpy.copyto(scaled, numpy.nan, where=~finite)
    return z


def _by_columns(block: Any) -> Any:
    return numpy.asarray(block, dtype=numpy.float64, order="F")


def _tiles(rows: int, columns: int) -> Iterator[tuple[slice, slice]]:
    height = max(1, min(rows, TILE_ROWS))
    width = TILE // height
    for left in range(0, columns, width):
        for top in range(0, rows, height):
            yield slice(top, top + height), slice(left, left + width)


def _of_tile(cells: Any) -> tuple[Any, list[Moments]]:
    """How many NaNs each column has, and its moments; `cells` are overwritten."""
    rows, columns = cells.shape
    counts = numpy.full(columns, rows)
    nulls = numpy.zeros(columns, dtype=numpy.int64)
    finite = numpy.isfinite(cells)
    gaps = []
    for index in range(columns):
        column, is_finite = cells[:, index], finite[:, index]
        counts[index] = numpy.count_nonzero(is_finite)
        if counts[index] < rows:
            gap = numpy.flatnonzero(~is_finite)
            nulls[index] = numpy.count_nonzero(numpy.isnan(column[gap]))
            # A value that is there already is no other minimum or maximum.
            column[gap] = column[is_finite.argmax()]
            gaps.append((column, gap))
    minimum, maximum = numpy.minimum.reduce(cells, axis=0), numpy.maximum.reduce(cells, axis=0)
    with numpy.errstate(over="ignore", invalid="ignore", divide="ignore"):
        _fill(gaps, 0.0)
        mean = cells.sum(axis=0) / counts
        deviation = numpy.subtract(cells, mean, out=cells)
        _fill(gaps, 0.0)
        rest = deviation.sum(axis=0)
        m2 = numpy.einsum("ij,ij->j", deviation, deviation) - rest * (rest / counts)
        mean += rest / counts
    statistics = (counts, mean, m2, minimum, maximum)
    of_columns = zip(*(each.tolist() for each in statistics), strict=True)
    return nulls, [_moments(*of_column) for of_column in of_columns]


def _fill(gaps: list[tuple[Any, Any]], value: float) -> None:
    for column, gap in gaps:
        column[gap] = value


def _moments(count: int, mean: float, m2: float, minimum: float, maximum: float) -> Moments:
    if not count:
        return Moments()
    if minimum == maximum:
        return Moments(count, minimum, 0.0, minimum, maximum)
    return Moments(count, mean, m2, minimum, maximum)
