"""Z-scores in any number of blocks: scikit-learn's StandardScaler, on NumPy or CuPy.

NaN means "no value": it is left out of the moments and stays NaN. An infinity is counted apart
and becomes NaN. Moments are float64 and population ones (ddof 0).
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy

from contracts.moments import Moments, is_constant
from gpu_jobs.device import to_host


class StandardScaler:
    """Learns each column's mean and standard deviation block by block, then standardizes blocks.

    `xp` is numpy or cupy. Blocks are float64 arrays of shape (rows, columns) of either module;
    what comes back is of `xp`. Fastest when columns are contiguous (Fortran order).
    """

    def __init__(self, columns: int, xp: ModuleType = numpy) -> None:
        self._xp: Any = xp
        self.moments_: list[Moments] = [Moments()] * columns
        self.nulls_ = numpy.zeros(columns, dtype=numpy.int64)
        self.non_finite_ = numpy.zeros(columns, dtype=numpy.int64)

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
    def scale_(self) -> Any:
        """What deviations are divided by: the standard deviation, 1 in a constant column."""
        with numpy.errstate(over="ignore"):
            constant = is_constant(self.n_samples_seen_, self.mean_, self.var_)
        return numpy.where(constant, 1.0, numpy.sqrt(self.var_))

    def partial_fit(self, block: Any) -> StandardScaler:
        """Take the block's values into the moments."""
        if not len(block):
            return self
        columns = to_host(self._xp, _block_statistics(self._xp, self._values(block)))
        for index, (count, nulls, mean, m2, minimum, maximum) in enumerate(columns.T.tolist()):
            self.nulls_[index] += int(nulls)
            self.non_finite_[index] += len(block) - int(nulls) - int(count)
            if count:
                learned = Moments(int(count), mean, m2, minimum, maximum)
                self.moments_[index] = self.moments_[index].merge(learned)
        return self

    def merge(self, other: StandardScaler) -> StandardScaler:
        """Take in what another scaler learned from other rows of the same columns."""
        pairs = zip(self.moments_, other.moments_, strict=True)
        self.moments_ = [ours.merge(theirs) for ours, theirs in pairs]
        self.nulls_ += other.nulls_
        self.non_finite_ += other.non_finite_
        return self

    def transform(self, block: Any) -> Any:
        """The block's z-scores, NaN where there was no finite value; a new array of `xp`."""
        xp = self._xp
        values = self._values(block)
        z = (values - xp.asarray(self.mean_)) / xp.asarray(self.scale_)
        # Only ±inf can have made an infinity here, and it is no value.
        z[~xp.isfinite(z)] = xp.nan
        return z

    def _values(self, block: Any) -> Any:
        return self._xp.asarray(block, dtype=self._xp.float64)


def _block_statistics(xp: Any, block: Any) -> Any:
    """Rows of count, nulls, mean, m2, min, max of each column; shape (6, columns).

    Two passes over the block: the deviations are taken from its own mean, and their sum, which
    is 0 but for rounding, corrects both the mean and m2.
    """
    finite = xp.isfinite(block)
    count = finite.sum(axis=0)
    divisor = xp.maximum(count, 1)
    with numpy.errstate(over="ignore", invalid="ignore"):
        mean = xp.where(finite, block, 0.0).sum(axis=0) / divisor
        deviation = xp.where(finite, block - mean, 0.0)
        rest = deviation.sum(axis=0)
        m2 = (deviation * deviation).sum(axis=0) - rest * rest / divisor
    minimum = xp.where(finite, block, xp.inf).min(axis=0)
    maximum = xp.where(finite, block, -xp.inf).max(axis=0)
    constant = minimum == maximum
    mean = xp.where(constant, minimum, mean + rest / divisor)
    m2 = xp.where(constant, 0.0, m2)
    nulls = xp.isnan(block).sum(axis=0)
    return xp.stack([count, nulls, mean, m2, minimum, maximum])
