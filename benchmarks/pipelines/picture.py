"""The findings as a picture: times by size, and the speed-up with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

from matplotlib import pyplot

from benchmarks.pipelines.analysis import Findings
from contracts.report import PipelineReport


def draw(findings: Findings, path: Path) -> None:
    """Write the picture as PNG."""
    figure, (times, speedups) = pyplot.subplots(
        1, 2, figsize=(12, 5), width_ratios=(3, 2), layout="constrained"
    )
    sizes = findings.sizes
    lines = (
        ("Spark, RDD", "o-", [size.rdd for size in sizes]),
        ("Spark, DataFrame", "s-", [size.dataframe for size in sizes]),
        (f"{findings.engine}, one process", "^--", [size.one_machine for size in sizes]),
        ("RDD, a row at a time", "x:", [size.baseline for size in sizes]),
    )
    for label, style, reports in lines:
        _line(times, [size.rows for size in sizes], reports, label, style)
    times.set(xscale="log", yscale="log", xlabel="rows", ylabel="seconds (median, range)")
    times.set_title(f"{findings.columns} columns, {findings.cores} cores, warm, without start-up")
    times.grid(which="major", alpha=0.3)
    times.legend()
    for size in sizes:
        if size.speedup is not None:
            low, high = size.ci95 or (size.speedup, size.speedup)
            bars = [[size.speedup - low], [high - size.speedup]]
            speedups.errorbar(size.rows, size.speedup, bars, fmt="ko", capsize=4)
    speedups.axhline(1, color="grey", linewidth=1)
    speedups.set(xscale="log", yscale="log", xlabel="rows", ylabel="RDD time / DataFrame time")
    for formatted in (speedups.yaxis.set_major_formatter, speedups.yaxis.set_minor_formatter):
        formatted("{x:g}")
    speedups.set_title("above 1: DataFrame is faster (95 % interval)")
    speedups.grid(which="both", alpha=0.3)
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def _line(
    axes: pyplot.Axes,
    rows: Sequence[int],
    reports: Sequence[PipelineReport | None],
    label: str,
    style: str,
) -> None:
    ran = [(n, one) for n, one in zip(rows, reports, strict=True) if one and one.runs_s]
    if not ran:
        return
    xs = [n for n, _ in ran]
    (line,) = axes.plot(xs, [one.median_s for _, one in ran], style, label=label)
    lows, highs = [min(one.runs_s) for _, one in ran], [max(one.runs_s) for _, one in ran]
    axes.fill_between(xs, lows, highs, color=line.get_color(), alpha=0.2)
