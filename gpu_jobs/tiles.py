"""The scaler's arithmetic on the CPU: column by column, in tiles that stay in the core's cache.

A tile is read from memory once; the passes over it that follow find it in the cache. Its moments
are those of the corrected two-pass algorithm: the deviations are taken from the tile's own mean,
and their sum, which is 0 but for rounding, corrects both the mean and the sum of squares.

Source: T. F. Chan, G. H. Golub, R. J. LeVeque, "Algorithms for Computing the Sample Variance:
Analysis and Recommendations", The American Statistician 37 (1983).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy

from contracts.moments import Moments

# Values; a tile and its deviations are 512 KiB, half of a server core's second-level cache.
TILE = 32_768


def measure(block: Any) -> Iterator[tuple[int, int, int, Moments]]:
    """The index of a column, and rows, NaNs and moments of one of its tiles, in the rows' order.

    `block` is anything that NumPy takes for an array of shape (rows, columns).
    """
    values = _by_columns(block)
    scratch = numpy.empty(min(TILE, len(values)))
    for index, tile in _tiles(values):
        cells = values[tile, index]
        nulls, moments = _of_tile(cells, scratch)
        yield index, len(cells), nulls, moments


def standardize(block: Any, mean: Any, scale: Any, dtype: Any) -> Any:
    """(block - mean) / scale as a new array of `dtype`, NaN where that is not finite."""
    values = _by_columns(block)
    z = numpy.empty(values.shape, dtype, order="F")
    scratch = numpy.empty(min(TILE, len(values)))
    with numpy.errstate(over="ignore", invalid="ignore"):
        for index, tile in _tiles(values):
            cells, scaled = values[tile, index], z[tile, index]
            deviation = numpy.subtract(cells, mean[index], out=scratch[: len(cells)])
            numpy.divide(deviation, scale[index], out=scaled, casting="same_kind")
            infinite = numpy.isinf(scaled)
            if infinite.any():
                scaled[infinite] = numpy.nan
    return z


def _by_columns(block: Any) -> Any:
    return numpy.asarray(block, dtype=numpy.float64, order="F")


def _tiles(values: Any) -> Iterator[tuple[int, slice]]:
    rows, columns = values.shape
    for index in range(columns):
        for top in range(0, rows, TILE):
            yield index, slice(top, top + TILE)


def _of_tile(values: Any, scratch: Any) -> tuple[int, Moments]:
    nulls = 0
    with numpy.errstate(over="ignore", invalid="ignore"):
        total = float(values.sum())
        # Of finite values alone only the largest sum to an infinity, and these stay as they are.
        if not math.isfinite(total):
            nulls = int(numpy.count_nonzero(numpy.isnan(values)))
            values = values[numpy.isfinite(values)]
            total = float(values.sum())
        count = len(values)
        if not count:
            return nulls, Moments()
        minimum, maximum = float(values.min()), float(values.max())
        if minimum == maximum:
            return nulls, Moments(count, minimum, 0.0, minimum, maximum)
        mean = total / count
        deviation = numpy.subtract(values, mean, out=scratch[:count])
        rest = float(deviation.sum())
        m2 = float(numpy.square(deviation, out=deviation).sum()) - rest * (rest / count)
    return nulls, Moments(count, mean + rest / count, m2, minimum, maximum)
