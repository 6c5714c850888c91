"""The subprocesses of the runs. When a run ends nothing that it started is left.

A container takes all its processes with it; here every process of a run carries the run's mark in
its environment, which children inherit whatever group or session they move to (the PySpark daemon
leaves its group), so the mark finds them all, also after a crash of the server.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import psutil

MARK = "LOCAL_COMPUTE_RUN"

# A process that ended meanwhile, or that belongs to another user.
_GONE = (psutil.NoSuchProcess, psutil.AccessDenied, OSError)

_MARKED_WITHIN_S = 1.0


class Ending(Enum):
    """Why a run was ended from outside."""

    TIMED_OUT = "timed out"
    TERMINATED = "terminated"
    ABANDONED = "the server stopped"


@dataclass(frozen=True)
class Command:
    """What to run. Output is appended to the two files, which may be one and the same."""

    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    folder: Path
    stdout: Path
    stderr: Path


@dataclass(frozen=True)
class Outcome:
    """How a run's process ended; 128 + n for signal n, as a container reports it."""

    exit_code: int
    ending: Ending | None


class Run:
    """At most one process with its descendants, and an end that may come from any thread."""

    def __init__(self, mark: str, grace_s: float) -> None:
        self._mark = mark
        self._grace_s = grace_s
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._exited = threading.Event()
        self.ending: Ending | None = None

    def start(self, command: Command) -> bool:
        """Start the process; False when the run was ended before. Raises OSError."""
        with self._lock:
            if self.ending:
                return False
            with command.stdout.open("ab") as stdout, command.stderr.open("ab") as stderr:
                self._process = subprocess.Popen(
                    command.arguments,
                    cwd=command.folder,
                    env={**command.environment, MARK: self._mark},
                    stdin=subprocess.DEVNULL,
                    stdout=stdout,
                    stderr=stderr,
                    start_new_session=True,
                )
            self._wait_until_marked(self._process)
            return True

    def _wait_until_marked(self, process: subprocess.Popen[bytes]) -> None:
        """For a moment after it has been started a process has no environment to be found by."""
        deadline = time.monotonic() + _MARKED_WITHIN_S
        while process.poll() is None and time.monotonic() < deadline:
            if _is_marked(psutil.Process(process.pid), self._mark):
                return
            time.sleep(0.001)

    def wait(self, timeout_s: float | None = None) -> Outcome:
        """Wait for the process that was started; end the run after `timeout_s`."""
        assert self._process is not None
        timer = threading.Timer(timeout_s or 0, self.end, [Ending.TIMED_OUT])
        if timeout_s:
            timer.start()
        code = self._process.wait()
        self._exited.set()
        timer.cancel()
        _kill_marked(self._mark)
        return Outcome(code if code >= 0 else 128 - code, self.ending)

    def end(self, ending: Ending) -> None:
        """SIGTERM to the process group, after the grace period SIGKILL to all that is left.

        Blocks until `wait`, in another thread, has seen the process exit. The first ending
        stands; a run whose process has exited by itself keeps none.
        """
        with self._lock:
            if self.ending or self._exited.is_set():
                return
            self.ending = ending
            process = self._process
        if process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        if not self._exited.wait(self._grace_s):
            _kill_marked(self._mark)
            self._exited.wait()

    def close(self) -> None:
        """Kill a process that nobody waited for."""
        if self._process and not self._exited.is_set():
            _kill_marked(self._mark)
            self.wait()


class Processes:
    """The runs of one server. `scratch_root` is the server's own, and so is the mark made of it."""

    def __init__(self, scratch_root: Path, grace_s: float) -> None:
        self._prefix = f"{scratch_root}{os.sep}"
        self._grace_s = grace_s
        self._lock = threading.Lock()
        self._runs: dict[str, Run] = {}
        self._stopping = False

    @contextmanager
    def open(self, run_id: str) -> Iterator[Run]:
        """The run `run_id`, which can be terminated while the context lasts, and ends with it."""
        run = Run(f"{self._prefix}{run_id}", self._grace_s)
        with self._lock:
            self._runs[run_id] = run
            if self._stopping:
                run.end(Ending.ABANDONED)
        try:
            yield run
        finally:
            run.close()
            with self._lock:
                del self._runs[run_id]

    def terminate(self, run_id: str) -> None:
        """Begin to end the run, if it is open; returns at once."""
        with self._lock:
            run = self._runs.get(run_id)
        if run:
            threading.Thread(target=run.end, args=[Ending.TERMINATED]).start()

    def stop(self) -> None:
        """End every run, also those opened later, and wait for their processes to exit."""
        with self._lock:
            self._stopping = True
            runs = list(self._runs.values())
        enders = [threading.Thread(target=run.end, args=[Ending.ABANDONED]) for run in runs]
        for ender in enders:
            ender.start()
        for ender in enders:
            ender.join()

    def kill_leftovers(self) -> None:
        """Kill what a server that died without stopping left behind."""
        _kill_marked(self._prefix)


def _kill_marked(prefix: str) -> None:
    while left := [process for process in psutil.process_iter() if _is_marked(process, prefix)]:
        for process in left:
            with suppress(*_GONE):
                process.kill()
        time.sleep(0.005)


def _is_marked(process: psutil.Process, prefix: str) -> bool:
    with suppress(*_GONE):
        mark = process.environ().get(MARK, "")
        # `/scratch/12` is not a mark of the run `/scratch/1`.
        return mark == prefix or (prefix.endswith(os.sep) and mark.startswith(prefix))
    return False
