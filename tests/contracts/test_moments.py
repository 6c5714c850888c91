import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.moments import Moments, is_constant

values = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=50)


def moments_of(numbers: list[float]) -> Moments:
    total = Moments()
    for x in numbers:
        total = total.merge(Moments(1, x, 0.0, x, x))
    return total


@given(values, st.integers(0, 50))
def test_merging_parts_gives_the_moments_of_the_whole(numbers: list[float], cut: int) -> None:
    merged = moments_of(numbers[:cut]).merge(moments_of(numbers[cut:]))
    scale = max(1.0, max(abs(x) for x in numbers))
    assert merged.count == len(numbers)
    assert merged.mean == pytest.approx(statistics.fmean(numbers), abs=1e-12 * scale)
    assert merged.std == pytest.approx(statistics.pstdev(numbers), rel=1e-9, abs=1e-8 * scale)
    assert (merged.minimum, merged.maximum) == (min(numbers), max(numbers))


def test_moments_of_nothing_have_no_deviation() -> None:
    assert Moments().std is None
    assert Moments().merge(Moments()) == Moments()


def test_large_values_keep_the_digits_of_their_deviation() -> None:
    numbers = [10_000_000.2] + [10_000_000.1, 10_000_000.3] * 500
    merged = moments_of(numbers)
    assert math.sqrt(merged.m2 / (len(numbers) - 1)) == pytest.approx(0.1, rel=10**-8.2)


def test_a_variance_within_the_bounds_of_rounding_is_that_of_a_constant() -> None:
    assert is_constant(4, 0.3, 0.0)
    assert is_constant(4, 0.3, (2e-17) ** 2)
    assert not is_constant(4, 0.3, (2e-15) ** 2)
    assert not is_constant(4, 0.0, 1e-30)
