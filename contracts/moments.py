"""Count, mean, M2, min and max of a column, mergeable without loss of digits.

Source: T. F. Chan, G. H. Golub, R. J. LeVeque, "Updating Formulae and a Pairwise Algorithm for
Computing Sample Variances", 1979.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Moments:
    """`m2` is the sum of squared deviations from the mean. Empty: count 0, min and max None.

    `residue` is what rounding took off the mean. Far from 0 it is as large as many a difference
    between the means of two sets, so that without it each merge would cost digits of `m2`, and
    each z-score some of its own.
    """

    count: int = 0
    mean: float = 0.0
    m2: float = 0.0
    minimum: float | None = None
    maximum: float | None = None
    residue: float = 0.0

    @property
    def std(self) -> float | None:
        """The population standard deviation (ddof 0), or None of nothing."""
        return math.sqrt(self.m2 / self.count) if self.count else None

    def merge(self, other: Moments) -> Moments:
        """The moments of both sets of values together."""
        if not self.count:
            return other
        if not other.count:
            return self
        assert self.minimum is not None and other.minimum is not None
        assert self.maximum is not None and other.maximum is not None
        count = self.count + other.count
        delta = (other.mean - self.mean) + (other.residue - self.residue)
        mean, residue = _sum(self.mean, self.residue + delta * (other.count / count))
        return Moments(
            count=count,
            mean=mean,
            residue=residue,
            m2=self.m2 + other.m2 + delta * delta * (self.count * (other.count / count)),
            minimum=min(self.minimum, other.minimum),
            maximum=max(self.maximum, other.maximum),
        )


def _sum(a: float, b: float) -> tuple[float, float]:
    """a + b, and what rounding takes off it.

    Source: D. E. Knuth, "The Art of Computer Programming", volume 2, section 4.2.2.
    """
    total = a + b
    added = total - a
    return total, (a - (total - added)) + (b - added)


def is_constant(count: Any, mean: Any, variance: Any) -> Any:
    """Whether the population variance of `count` values is nothing but rounding; of arrays too.

    A column for which this holds is not divided by its standard deviation, as in scikit-learn.
    Source: the error bounds in T. F. Chan, G. H. Golub, R. J. LeVeque, "Algorithms for Computing
    the Sample Variance: Analysis and Recommendations", 1983.
    """
    rounding = count * sys.float_info.epsilon
    deviation = rounding * mean
    return variance <= rounding * variance + deviation * deviation
