"""Which pipeline is faster, by how much, and how sure that is.

The speed-up is the ratio of the median run times, RDD over DataFrame. The runs alternated, so the
i-th run of either is a pair that met the same machine; the 95 % interval is the percentile
bootstrap over the pairs (B. Efron, R. Tibshirani, "An Introduction to the Bootstrap", 1993).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from statistics import median

from contracts.metrics import PipelineTimings, SparkTimings
from contracts.report import AgreementReport, PipelineReport

FEWEST_PAIRS = 3
RESAMPLES = 2000
SEED = 0
"""Fixed, so that the same runs always give the same interval."""

Pair = tuple[float, float]


@dataclass(frozen=True)
class Comparison:
    """`speedup` above 1 says that DataFrame is faster; None where nothing can be compared."""

    verdict: str
    speedup: float | None = None
    ci95: tuple[float, float] | None = None


def pipeline_report(timings: PipelineTimings, rows: int) -> PipelineReport:
    """The runs of one pipeline over `rows` records in a few numbers."""
    runs = timings.seconds
    if not runs:
        return PipelineReport(runs, None, None, None, None, timings.error)
    typical = median(runs)
    return PipelineReport(
        runs_s=runs,
        median_s=typical,
        min_s=min(runs),
        max_s=max(runs),
        records_per_s=rows / typical,
        error=timings.error,
    )


def compare_speed(timings: SparkTimings, agreement: AgreementReport | None) -> Comparison:
    """Compare the pipelines' run times; `agreement` is None unless both left a summary."""
    if timings.rdd is None or timings.dataframe is None:
        asked = "RDD" if timings.dataframe is None else "DataFrame"
        return Comparison(f"Only the {asked} pipeline was asked for: nothing to compare.")
    for name, pipeline in (("RDD", timings.rdd), ("DataFrame", timings.dataframe)):
        if pipeline.error is not None:
            return Comparison(f"The {name} pipeline failed, nothing to compare: {pipeline.error}")
    if agreement is None:
        return Comparison("A pipeline left no summary: nothing to compare.")
    if not agreement.agree:
        return Comparison("The pipelines disagree, so their speeds are not compared.")
    pairs = list(zip(timings.rdd.seconds, timings.dataframe.seconds, strict=False))
    return _compare_pairs(pairs, timings.rows)


def _compare_pairs(pairs: Sequence[Pair], rows: int) -> Comparison:
    if not pairs:
        return Comparison("No timed run of both pipelines: nothing to compare.")
    speedup = ratio_of_medians(pairs)
    faster, factor = ("DataFrame", speedup) if speedup >= 1 else ("RDD", 1 / speedup)
    claim = f"{faster} is {factor:.3g}x faster"
    if len(pairs) < FEWEST_PAIRS:
        return Comparison(f"{claim} in {len(pairs)} paired run(s), too few to be sure.", speedup)
    ci95 = confidence_interval(pairs)
    if ci95[0] <= 1 <= ci95[1]:
        return Comparison(f"No difference in speed at this size ({rows:,} rows).", speedup, ci95)
    return Comparison(f"{claim}.", speedup, ci95)


def ratio_of_medians(pairs: Sequence[Pair]) -> float:
    """The speed-up that `pairs` of run times (RDD, DataFrame) show."""
    return median(rdd for rdd, _ in pairs) / median(dataframe for _, dataframe in pairs)


def confidence_interval(pairs: Sequence[Pair]) -> tuple[float, float]:
    """The 95 % percentile bootstrap interval of the speed-up; it always holds the speed-up."""
    random = Random(SEED)
    ratios = sorted(ratio_of_medians(random.choices(pairs, k=len(pairs))) for _ in range(RESAMPLES))
    tail = RESAMPLES // 40
    observed = ratio_of_medians(pairs)
    return min(ratios[tail], observed), max(ratios[-1 - tail], observed)
