"""Draws how rows are split into parts, and in which order the parts are merged."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Any

from hypothesis import strategies as st


def draw_slices(data: st.DataObject, rows: int) -> list[slice]:
    """Up to seven slices of so many rows, some of them perhaps empty."""
    cuts = data.draw(st.lists(st.integers(0, rows), max_size=6))
    return [slice(a, b) for a, b in pairwise([0, *sorted(cuts), rows])]


def merge_in_any_order(data: st.DataObject, parts: Iterable[Any]) -> Any:
    """All parts merged into one, each time one that is drawn into another."""
    waiting = list(parts)
    while len(waiting) > 1:
        other = waiting.pop(data.draw(st.integers(0, len(waiting) - 1)))
        place = data.draw(st.integers(0, len(waiting) - 1))
        waiting[place] = waiting[place].merge(other)
    return waiting[0]
