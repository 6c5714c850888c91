"""What both pipelines have in common: the matrix of correlations, and when digits are lost."""

from __future__ import annotations

from collections.abc import Callable, Sequence

WORST_CANCELLATION = 1e-3
"""When less than this of a sum of squares is left, more than three of the sixteen digits are lost,
and a sum of many millions of squares loses another three or four; nine are asked for."""

Matrix = tuple[tuple[float | None, ...], ...]


def matrix(varies: Sequence[bool], r: Callable[[int, int], float | None]) -> Matrix:
    """The symmetric matrix of Pearson's `r(i, j)`, which is asked for i < j only.

    A column that does not vary correlates with nothing, not even with itself. What rounding
    lifts beyond ±1 is put back.
    """

    def cell(i: int, j: int) -> float | None:
        if not (varies[i] and varies[j]):
            return None
        if i == j:
            return 1.0
        value = r(min(i, j), max(i, j))
        return None if value is None else max(-1.0, min(1.0, value))

    columns = range(len(varies))
    return tuple(tuple(cell(i, j) for j in columns) for i in columns)
