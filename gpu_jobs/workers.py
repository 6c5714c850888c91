"""The machine's cores at work on what comes in order, and goes out in order."""

from __future__ import annotations

import functools
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

MOST_WORKERS = 8
"""What is under way takes memory for each worker, and more of them hardly add speed."""


def workers() -> int:
    """How many threads work side by side: the cores that this process may use, within bounds."""
    return min(MOST_WORKERS, len(os.sched_getaffinity(0)))


def unchanged(item: Item) -> Item:
    """The function to give where nothing is to be done."""
    return item


def in_order(function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """`map(function, items)` on threads, for functions that leave Python to others meanwhile.

    Items are taken, and results given, in the caller's thread, so that whatever `items` or
    `function` raises comes at its place in the order. One item more than there are workers is
    under way. `function` must not use this function itself, since the threads are always the same.
    """
    under_way: deque[Future[Result]] = deque()
    try:
        remaining = iter(items)
        ending: Exception | None = None
        while ending is None:
            try:
                under_way.append(_threads().submit(function, next(remaining)))
            except Exception as error:  # StopIteration too: what came before it comes first
                ending = error
            else:
                if len(under_way) > workers():
                    yield _first(under_way)
        while under_way:
            yield _first(under_way)
        if not isinstance(ending, StopIteration):
            raise ending
    finally:
        wait([future for future in under_way if not future.cancel()])
        del ending  # Its traceback would keep this frame, and all that `function` holds, alive.


def _first(under_way: deque[Future[Result]]) -> Result:
    """The result of the first, which is under way until then: a signal may end the waiting."""
    result = under_way[0].result()
    under_way.popleft()
    return result


@functools.cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(workers(), "worker")
