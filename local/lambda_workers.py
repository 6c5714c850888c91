"""Lambda's asynchronous queue for a laptop: invocations beyond its workers wait for their turn.

MiniStack starts a process, with a function's code and layers unpacked anew, for each invocation
that finds none free, and after a few refusals gives an asynchronous event up. Five hundred uploads
at once would be five hundred processes; AWS keeps such events for six hours.
"""

from __future__ import annotations

import os
import threading
from collections import defaultdict
from collections.abc import Callable
from typing import Any

WORKERS = 2 * len(os.sched_getaffinity(0))
"""Of each function, at most. None of ours invokes another and waits for it."""

Execute = Callable[[dict[str, Any], Any, str], dict[str, Any]]


def bounded(execute: Execute, workers: int = WORKERS) -> Execute:
    """`execute` as MiniStack calls it (function, event, request id), `workers` at once of each."""
    turns: dict[str, threading.Semaphore] = defaultdict(lambda: threading.Semaphore(workers))
    lock = threading.Lock()

    def wait_and_execute(function: dict[str, Any], event: Any, request_id: str) -> dict[str, Any]:
        name = (function.get("config") or function)["FunctionName"]
        with lock:
            turn = turns[name]
        with turn:
            return execute(function, event, request_id)

    return wait_and_execute
