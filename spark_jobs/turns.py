"""Runs pipelines by turns and times them.

Every run reads its input afresh; nothing is kept in Spark, and each run makes frames of its own,
because a frame that is collected twice takes its shuffle files again. From the warm-up on, the
operating system has the input in its page cache, for all pipelines alike. The JVM goes on
compiling for a few runs more; the times are in the order in which they were measured.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]

from contracts.metrics import PipelineTimings
from contracts.summary import Summary

FEWEST_TURNS, MOST_TURNS = 3, 5

TIMED_SECONDS = 12.0
"""What the timed runs may take together before there are fewer of them."""


@dataclass(frozen=True)
class Result:
    """What a pipeline made, its `summary` None when it failed, and how long it took."""

    pipeline: str
    summary: Summary | None
    timings: PipelineTimings


class Runner:
    """Runs one pipeline, again and again until it fails."""

    def __init__(self, pipeline: str, run: Callable[[], Summary]) -> None:
        self.pipeline = pipeline
        self.error: str | None = None
        self._run = run
        self._summary: Summary | None = None
        self._seconds: list[float] = []

    def run(self) -> float:
        """The wall time in seconds of a run that is not counted."""
        started = time.perf_counter()
        try:
            self._summary = self._run()
        except Exception as error:  # whatever befalls one pipeline, the other goes on
            self._summary, self.error = None, in_one_line(error)
            say(f"{self.pipeline} failed: {self.error}")
        return time.perf_counter() - started

    def timed_run(self) -> float:
        """The wall time in seconds of a run that counts, unless it fails."""
        seconds = self.run()
        if self.error is None:
            self._seconds.append(seconds)
        return seconds

    def result(self) -> Result:
        """What came of all runs."""
        timings = PipelineTimings(tuple(self._seconds), self.error)
        return Result(self.pipeline, self._summary, timings)


def run_by_turns(runners: Sequence[Runner]) -> float:
    """Warm up, then time the runs by turns; the seconds that the warm-up took.

    The first turn decides how many there are.
    """
    warm_up_seconds = sum(runner.run() for runner in runners)
    say(f"warmed up in {warm_up_seconds:.1f} s")
    turn, turns = 0, FEWEST_TURNS
    while turn < turns and (working := [runner for runner in runners if runner.error is None]):
        seconds = {runner.pipeline: runner.timed_run() for runner in working}
        turn += 1
        if turn == 1:
            fitting = int(TIMED_SECONDS / sum(seconds.values()))
            turns = min(MOST_TURNS, max(FEWEST_TURNS, fitting))
        times = ", ".join(f"{pipeline} {one:.2f} s" for pipeline, one in seconds.items())
        say(f"turn {turn}/{turns}: {times}")
    return warm_up_seconds


def in_one_line(error: Exception) -> str:
    """What a person needs of an error; of one in a Python worker, the worker's own."""
    if not isinstance(error, Py4JJavaError):
        first_line = next(iter(str(error).splitlines()), "")
        return f"{type(error).__name__}: {first_line}"
    # Its message alone may be null or empty.
    message = str(error.java_exception.toString())
    _, _, traceback = message.partition("Traceback (most recent call last):\n")
    lines = (traceback or message).splitlines()
    return next(line for line in lines if not line.startswith(" "))


def say(line: str) -> None:
    """A line of progress in the driver's standard output."""
    print(line, flush=True)
