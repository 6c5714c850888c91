"""What was begun and cannot be finished is undone, whatever stopped it."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def undone_on_failure(undo: Callable[[], object]) -> Iterator[None]:
    """Calls `undo` when the body raises, or is stopped by Ctrl-C, SIGTERM or SIGHUP.

    From the first of these signals on, until `undo` has returned, further ones are ignored. A
    signal that was ignored before stays so, as under nohup. Main thread only.
    """
    handlers = {number: signal.getsignal(number) for number in _STOPPING}
    heeded = [n for n, handler in handlers.items() if handler not in (signal.SIG_IGN, None)]

    def stop(*_: Any) -> NoReturn:
        _ignore(heeded)
        raise KeyboardInterrupt

    try:
        for number in heeded:
            signal.signal(number, stop)
        yield
    except BaseException:
        _ignore(heeded)
        undo()
        raise
    finally:
        for number in heeded:
            signal.signal(number, handlers[number])


def _ignore(numbers: Iterable[signal.Signals]) -> None:
    for number in numbers:
        signal.signal(number, signal.SIG_IGN)
