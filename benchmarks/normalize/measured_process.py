"""A process measured from outside: wall time, CPU time and peak memory, within limits."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

WATCH_MS = 50
"""How often memory and time are held against their limits, in milliseconds."""

_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Limits:
    """A run ends when its resident memory or its wall time goes beyond these."""

    memory_bytes: int
    seconds: float


@dataclass(frozen=True)
class Usage:
    """What a run took. `peak_mb` is its largest resident memory in 10^6 bytes."""

    wall_s: float
    cpu_s: float
    peak_mb: float


class FailedRun(Exception):
    """The run went beyond a limit, or ended otherwise than with exit code 0."""


def run(
    command: Sequence[str], folder: Path, environment: Mapping[str, str], limits: Limits
) -> Usage:
    """Run `command` in `folder` until it ends. Raises FailedRun.

    Memory is what the kernel accounts (ru_maxrss) of the process, and of the largest of those
    that it started. The kernel counts from the size of the process that starts it, so that who
    calls this must be smaller than what is measured.
    """
    with tempfile.TemporaryFile() as said:
        # Being ended must not come between the start of the process and what looks after it.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        started = time.monotonic()
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=said, stderr=said, start_new_session=True
        )
        excess = "interrupted"
        try:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
            excess = _watch(process.pid, started, limits)
        finally:
            if excess:
                os.killpg(process.pid, signal.SIGKILL)
            _, status, usage = os.wait4(process.pid, 0)
            wall = time.monotonic() - started
            process.returncode = os.waitstatus_to_exitcode(status)
        if excess or process.returncode:
            said.seek(0)
            raise FailedRun(excess or _reason(process.returncode, said.read()))
    return Usage(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e6)


def _watch(pid: int, started: float, limits: Limits) -> str:
    """Wait until the process ends, or for what to say of the limit that it goes beyond."""
    ended = os.pidfd_open(pid)
    try:
        poll = select.poll()
        poll.register(ended, select.POLLIN)
        while not poll.poll(WATCH_MS):
            if _resident_bytes(pid) > limits.memory_bytes:
                return f"took more than {limits.memory_bytes / 1e9:.1f} GB of memory"
            if time.monotonic() - started > limits.seconds:
                return f"took longer than {limits.seconds:g} s"
        return ""
    finally:
        os.close(ended)


def _resident_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE


def _reason(code: int, said: bytes) -> str:
    lines = said.decode(errors="replace").strip().splitlines()
    end = f"ended by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
    return f"{end}: {lines[-1][:200]}" if lines else end
