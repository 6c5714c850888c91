"""Both pipelines in one session, by turns: RDD, DataFrame, RDD, …, after a warm-up of both.

Every run reads its input afresh and nothing is cached in Spark. After the warm-up the operating
system has the input in its page cache for both alike.
"""

from __future__ import annotations

import sys

from contracts.metrics import PipelineTimings
from contracts.summary import Summary
from spark_jobs import dataframe_pipeline, rdd_pipeline
from spark_jobs.job import Job, Summarise, say, start

PIPELINES: dict[str, Summarise] = {
    "rdd": rdd_pipeline.summarise,
    "dataframe": dataframe_pipeline.summarise,
}
TIMED_SECONDS = 6.0
"""What the timed runs should take together, as the last warm-up tells."""

FEWEST_PAIRS, MOST_PAIRS = 3, 7
WARM_UPS = 2


def compare(job: Job) -> int:
    """Warm up, take turns, leave both summaries; returns the exit code."""
    summaries: dict[str, Summary] = {}
    errors: dict[str, str] = {}
    warm_up: list[float] = []
    for _ in range(WARM_UPS):
        warm_up.append(sum(_turn(job, summaries, errors).values()))
    pairs = min(MOST_PAIRS, max(FEWEST_PAIRS, int(TIMED_SECONDS / max(warm_up[-1], 1e-3))))
    say(f"warmed up in {sum(warm_up):.1f} s, {pairs} pairs follow")
    seconds: dict[str, list[float]] = {name: [] for name in PIPELINES}
    for pair in range(1, pairs + 1):
        taken = _turn(job, summaries, errors)
        for name, one in taken.items():
            seconds[name].append(one)
        told = ", ".join(f"{name} {one:.2f} s" for name, one in taken.items())
        say(f"pair {pair}/{pairs}: {told}")
    timings = {name: PipelineTimings(tuple(seconds[name]), errors.get(name)) for name in PIPELINES}
    return job.leave(summaries, sum(warm_up), timings["dataframe"], timings["rdd"])


def _turn(job: Job, summaries: dict[str, Summary], errors: dict[str, str]) -> dict[str, float]:
    """Each pipeline once, but for one that failed before; their wall times in seconds."""
    taken = {}
    for name, summarise in PIPELINES.items():
        if name in errors:
            continue
        summary, seconds, error = job.run(name, summarise)
        if summary is None:
            errors[name] = error or "no summary"
            summaries.pop(name, None)
        else:
            summaries[name], taken[name] = summary, seconds
    return taken


if __name__ == "__main__":
    sys.exit(compare(start()))
