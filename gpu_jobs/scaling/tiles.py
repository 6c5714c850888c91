"""The scaler's arithmetic on the CPU: tile by tile, some rows of some columns.

A tile stays near the core while one NumPy call after the other passes over it, and is large
enough that threads do not wait for each other: they hold Python's lock between two calls. A tile's
moments are those of the corrected two-pass algorithm: the deviations are taken from the tile's own
mean, and their sum, which is 0 but for rounding, corrects both the mean and the sum of squares.

Source: T. F. Chan, G. H. Golub, R. J. LeVeque, "Algorithms for Computing the Sample Variance:
Analysis and Recommendations", The American Statistician 37 (1983).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy

from contracts.moments import Moments
from gpu_jobs.scaling.block import Block

TILE = 2**18
"""Values, 2 MiB; with less, two threads take each other the time that they save in the cache."""

TILE_ROWS = 2**17

STRIP = 256
"""Squares that are added up one after the other."""

BLOCK = 2**20
"""Values of a block: some tiles' worth, since each block costs a little for each column."""


def measure(block: Block) -> Iterator[tuple[int, int, int, Moments]]:
    """The index of a column, and rows, nulls and moments of one of its tiles, in the rows' order.

    NaN counts as null.
    """
    # One memory for all tiles: the system clears what is new.
    memory = numpy.empty(min(TILE, math.prod(block.shape)))
    for part in _tiles(*block.shape):
        tile = block[part]
        cells = memory[: math.prod(tile.shape)].reshape(tile.shape, order="F")
        tile.copy_to(cells)
        of_columns = zip(*_of_tile(cells, tile.nulls), strict=True)
        for index, (nulls, moments) in enumerate(of_columns, part[1].start):
            yield index, len(cells), nulls, moments


def standardize(block: Block, factors: Any, dtype: Any, complete: bool) -> Any:
    """The block's z-scores as a new array of `dtype`, NaN where they are not finite.

    `factors` are those of the scaler. With `complete` all z-scores are known to be finite, but for
    the nulls.
    """
    z = numpy.empty(block.shape, dtype, order="F")
    with numpy.errstate(over="ignore", invalid="ignore"):
        for part in _tiles(*block.shape):
            tile, scaled = block[part], z[part]
            mean, residue, scale = factors[:, part[1]]
            deviation = scaled if z.dtype == numpy.float64 else numpy.empty(scaled.shape, order="F")
            for index, values in enumerate(tile.values):
                numpy.subtract(
                    values,
                    mean[index],
                    out=deviation[:, index],
                    dtype=numpy.float64,
                    casting="unsafe",
                )
                if residue[index]:
                    deviation[:, index] -= residue[index]
            numpy.divide(deviation, scale, out=scaled, casting="same_kind")
            if not complete and not (present := numpy.isfinite(scaled)).all():
                numpy.copyto(scaled, numpy.nan, where=~present)
            _fill(scaled, tile.nulls, numpy.nan)
    return z


def _tiles(rows: int, columns: int) -> Iterator[tuple[slice, slice]]:
    height = max(1, min(rows, TILE_ROWS))
    width = TILE // height
    for left in range(0, columns, width):
        for top in range(0, rows, height):
            yield slice(top, min(top + height, rows)), slice(left, left + width)


def _of_tile(cells: Any, gaps: Sequence[Any]) -> tuple[list[int], list[Moments]]:
    """How many nulls each column has, and its moments; `cells` are overwritten.

    `gaps` are where there is no value. Others than those of the block are looked for once the
    sums tell that there are some.
    """
    nulls = [len(gap) for gap in gaps]
    with numpy.errstate(over="ignore", invalid="ignore", divide="ignore"):
        minimum, maximum, sums = _summed(cells, gaps)
        if not numpy.isfinite(sums).all():
            _fill(cells, gaps, numpy.nan)
            gaps = [numpy.flatnonzero(~numpy.isfinite(column)) for column in cells.T]
            nulls = [
                int(numpy.count_nonzero(numpy.isnan(column[gap])))
                for column, gap in zip(cells.T, gaps, strict=True)
            ]
            minimum, maximum, sums = _summed(cells, gaps)
        counts = numpy.array([len(cells) - len(gap) for gap in gaps])
        mean = sums / counts
        deviation = numpy.subtract(cells, mean, out=cells)
        _fill(deviation, gaps, 0.0)
        rest = deviation.sum(axis=0)
        m2 = _squares(deviation) - rest * (rest / counts)
        corrected = mean + rest / counts
        residue = rest / counts - (corrected - mean)
    statistics = (counts, corrected, m2, minimum, maximum, residue)
    of_columns = zip(*(each.tolist() for each in statistics), strict=True)
    return nulls, [_moments(*of_column) for of_column in of_columns]


def _squares(cells: Any) -> Any:
    """The sum of squares of each column, strip by strip: rounding adds up within one alone."""
    columns = cells.T
    whole = len(cells) // STRIP * STRIP
    strips = columns[:, :whole].reshape(len(columns), -1, STRIP)
    beyond = columns[:, whole:]
    of_strips = numpy.einsum("ijk,ijk->ij", strips, strips)
    return of_strips.sum(axis=1) + numpy.einsum("ij,ij->i", beyond, beyond)


def _summed(cells: Any, gaps: Sequence[Any]) -> tuple[Any, Any, Any]:
    """Minimum, maximum and sum of each column's values; the gaps hold 0 then."""
    for column, gap in zip(cells.T, gaps, strict=True):
        # A value that is there already is no other minimum or maximum.
        first = numpy.count_nonzero(gap == numpy.arange(len(gap)))
        column[gap] = column[first] if first < len(column) else 0.0
    minimum, maximum = numpy.minimum.reduce(cells, axis=0), numpy.maximum.reduce(cells, axis=0)
    _fill(cells, gaps, 0.0)
    return minimum, maximum, cells.sum(axis=0)


def _fill(cells: Any, gaps: Sequence[Any], value: float) -> None:
    for column, gap in zip(cells.T, gaps, strict=True):
        column[gap] = value


def _moments(
    count: int, mean: float, m2: float, minimum: float, maximum: float, residue: float
) -> Moments:
    if not count:
        return Moments()
    if minimum == maximum:
        return Moments(count, minimum, 0.0, minimum, maximum)
    return Moments(count, mean, m2, minimum, maximum, residue)
