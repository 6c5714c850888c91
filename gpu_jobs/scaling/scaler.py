"""Z-scores in any number of blocks: scikit-learn's StandardScaler, on the CPU or a CUDA device.

Moments are float64 and population ones (ddof 0). What becomes of the values of a block:

float64            taken as they are, denormals too
float32, float16   taken exactly
whole numbers      taken exactly up to 2^53, beyond rounded to the nearest float64
decimals           rounded to float64, to within two units where there are more than 15 digits
booleans           0 and 1
NaN, null          no value: counted in `nulls_`, left out of the moments, NaN as z-score
±infinity          no value: counted in `non_finite_`, left out of the moments, NaN as z-score
a constant         standard deviation 0, z-scores 0; also where it is one but for rounding
denormals alone    their squares are below float64: a constant, so their z-scores are deviations
below 1e-154       where the variance is denormal, z-scores lose digits: see `too_close_`
beyond 1e154       where squared deviations, or their sum, are beyond float64: no z-scores
"""

from __future__ import annotations

import math
import sys
from types import ModuleType
from typing import Any

import numpy

from contracts.moments import Moments, is_constant
from gpu_jobs.scaling import lanes, tiles
from gpu_jobs.scaling.block import Block


class StandardScaler:
    """Learns each column's mean and standard deviation block by block, then standardizes blocks.

    `xp` is numpy or cupy, and says where the arithmetic is done. A block is a `Block`, or an array
    of numbers of shape (rows, columns), read fastest as float64 with contiguous columns (Fortran
    order); with cupy the array may lie on the device. Threads may share a scaler to transform, and
    fit one each to merge.
    """

    def __init__(self, columns: int, xp: ModuleType = numpy) -> None:
        self._xp: Any = xp
        self._told_nulls = numpy.zeros(columns, dtype=numpy.int64)
        self._factors: Any = None
        self.moments_: list[Moments] = [Moments()] * columns
        self.nulls_ = numpy.zeros(columns, dtype=numpy.int64)
        self.non_finite_ = numpy.zeros(columns, dtype=numpy.int64)

    @property
    def block_values(self) -> int:
        """About how many values a block on the host should have, for speed."""
        return tiles.BLOCK if self._xp is numpy else lanes.CHUNK

    @property
    def complete_(self) -> bool:
        """Whether all values of the blocks were finite but for the nulls that they told."""
        return bool((self.nulls_ + self.non_finite_ == self._told_nulls).all())

    @property
    def largest_(self) -> Any:
        """Each column's largest z-score, its sign left out; shape (columns,).

        0 of nothing, infinite where there are none since M2 is not finite.
        """
        return numpy.array(
            [
                _largest(moments, scale)
                for moments, scale in zip(self.moments_, self.scale_.tolist(), strict=True)
            ]
        )

    @property
    def n_samples_seen_(self) -> Any:
        """How many values, finite ones, each column had; shape (columns,)."""
        return numpy.array([moments.count for moments in self.moments_], dtype=numpy.int64)

    @property
    def mean_(self) -> Any:
        """Each column's mean, NaN of nothing; shape (columns,)."""
        return numpy.array([m.mean if m.count else numpy.nan for m in self.moments_])

    @property
    def var_(self) -> Any:
        """Each column's population variance, NaN of nothing; shape (columns,)."""
        return numpy.array([m.m2 / m.count if m.count else numpy.nan for m in self.moments_])

    @property
    def constant_(self) -> Any:
        """Whether each column is constant, but for what may be rounding; shape (columns,)."""
        with numpy.errstate(over="ignore"):
            return is_constant(self.n_samples_seen_, self.mean_, self.var_)

    @property
    def too_close_(self) -> Any:
        """Whether each column's values differ, and their variance is denormal or 0."""
        differ = numpy.array([m.minimum != m.maximum for m in self.moments_], dtype=bool)
        return differ & (self.var_ < sys.float_info.min)

    @property
    def scale_(self) -> Any:
        """What deviations are divided by: the standard deviation, 1 in a constant column."""
        return numpy.where(self.constant_, 1.0, numpy.sqrt(self.var_))

    @property
    def factors_(self) -> Any:
        """Each column's mean, what rounding took off it, and scale; shape (3, columns)."""
        if self._factors is None:
            residues = [moments.residue for moments in self.moments_]
            self._factors = numpy.array([self.mean_, residues, self.scale_])
        return self._factors

    def partial_fit(self, block: Any) -> StandardScaler:
        """Take the block's values into the moments."""
        block = self._block(block)
        if not block.shape[0]:
            return self
        if isinstance(block, Block):
            self._told_nulls += [len(nulls) for nulls in block.nulls]
        self._factors = None
        measured = tiles.measure(block) if self._xp is numpy else lanes.measure(self._xp, block)
        for index, rows, nulls, moments in measured:
            self.moments_[index] = self.moments_[index].merge(moments)
            self.nulls_[index] += nulls
            self.non_finite_[index] += rows - nulls - moments.count
        return self

    def merge(self, other: StandardScaler) -> StandardScaler:
        """Take in what another scaler learned from other rows of the same columns."""
        self._factors = None
        pairs = zip(self.moments_, other.moments_, strict=True)
        self.moments_ = [ours.merge(theirs) for ours, theirs in pairs]
        self.nulls_ += other.nulls_
        self.non_finite_ += other.non_finite_
        self._told_nulls += other._told_nulls
        return self

    def transform(self, block: Any, dtype: Any = numpy.float64, *, complete: bool = False) -> Any:
        """The block's z-scores, NaN where there was no finite value.

        A new array of `dtype`, float64 or float32 (rounded last), in Fortran order, where the block
        lies: NumPy's, or cupy's for an array on the device. `complete` promises that each value has
        a z-score of `dtype` but for the nulls that the block tells.
        """
        block = self._block(block)
        if self._xp is numpy or not block.shape[0]:
            return tiles.standardize(block, self.factors_, dtype, complete)
        return lanes.standardize(self._xp, block, self.factors_, dtype)

    def _block(self, block: Any) -> Any:
        is_on_device = self._xp is not numpy and isinstance(block, self._xp.ndarray)
        return block if is_on_device or isinstance(block, Block) else Block.of(block)


def _largest(moments: Moments, scale: float) -> float:
    if moments.minimum is None or moments.maximum is None:
        return 0.0
    if not math.isfinite(moments.m2):
        return math.inf
    low = (moments.minimum - moments.mean) - moments.residue
    high = (moments.maximum - moments.mean) - moments.residue
    return max(-low, high) / scale
