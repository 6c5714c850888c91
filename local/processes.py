"""The processes of one cloud, found by a mark in their environment.

The mark is inherited by whatever the server starts, so that a Lambda worker, a job or a job's
grandchild is found even when its parents were killed and nobody else knows its id; and no other
process carries it, so that a reused process id is never taken for ours.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil

MARK = "BIGDATA_CLOUD"


def mark(home: Path) -> dict[str, str]:
    """What to add to the environment of a process of the cloud in `home`."""
    return {MARK: str(home)}


def has_mark(pid: int, home: Path) -> bool:
    """Whether process `pid` is alive and belongs to the cloud in `home`."""
    try:
        return bool(psutil.Process(pid).environ().get(MARK) == str(home))
    except (psutil.Error, OSError):
        return False


def marked(home: Path) -> Iterator[psutil.Process]:
    """The living processes of the cloud in `home`, without the caller."""
    for process in psutil.process_iter():
        if process.pid != os.getpid() and has_mark(process.pid, home):
            yield process


def stop(processes: list[psutil.Process], patience_s: float) -> None:
    """SIGTERM, and SIGKILL to those that are alive `patience_s` later."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    _, stubborn = psutil.wait_procs(processes, timeout=patience_s)
    for process in stubborn:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(stubborn, timeout=patience_s)
