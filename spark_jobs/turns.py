"""Runs pipelines by turns and times them.

Every run reads its input afresh; nothing is kept in Spark, and each run makes frames of its own,
because a frame that is collected twice takes its shuffle files again. From the warm-up on, the
operating system has the input in its page cache, for all pipelines alike. The JVM goes on
compiling for ten runs and more; the times are in the order in which they were measured.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from contracts.metrics import PipelineTimings
from contracts.summary import Summary
from spark_jobs.errors import in_one_line, is_outage

FEWEST_TURNS, MOST_TURNS = 3, 5

TIMED_SECONDS = 12.0
"""What the timed runs may take together before there are fewer of them."""


@dataclass(frozen=True)
class Result:
    """What a pipeline made, its `summary` None when it failed, and how long it took.

    `is_outage` when it failed because S3 did.
    """

    pipeline: str
    summary: Summary | None
    timings: PipelineTimings
    is_outage: bool


class Runner:
    """Runs one pipeline, again and again until it fails."""

    def __init__(self, pipeline: str, run: Callable[[], Summary]) -> None:
        self.pipeline = pipeline
        self.error: str | None = None
        self._is_outage = False
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
            self._is_outage = is_outage(error)
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
        return Result(self.pipeline, self._summary, timings, self._is_outage)


def run_by_turns(
    runners: Sequence[Runner], *, warm_up_runs: int = 1, warm_up_limit: float = math.inf
) -> float:
    """Warm up, then time the runs by turns; the seconds that the warm-up took.

    The warm-up is `warm_up_runs` of each, fewer once it has taken `warm_up_limit` seconds. The
    first turn decides how many there are.
    """
    warm_up_seconds = 0.0
    for _ in range(warm_up_runs):
        if warm_up_seconds < warm_up_limit:
            warm_up_seconds += sum(runner.run() for runner in _working(runners))
    say(f"warmed up in {warm_up_seconds:.1f} s")
    turn, turns = 0, FEWEST_TURNS
    while turn < turns and (working := _working(runners)):
        seconds = {runner.pipeline: runner.timed_run() for runner in working}
        turn += 1
        if turn == 1:
            fitting = int(TIMED_SECONDS / sum(seconds.values()))
            turns = min(MOST_TURNS, max(FEWEST_TURNS, fitting))
        times = ", ".join(f"{pipeline} {one:.2f} s" for pipeline, one in seconds.items())
        say(f"turn {turn}/{turns}: {times}")
    return warm_up_seconds


def _working(runners: Sequence[Runner]) -> list[Runner]:
    return [runner for runner in runners if runner.error is None]


def say(line: str) -> None:
    """A line of progress in the driver's standard output."""
    print(line, flush=True)
