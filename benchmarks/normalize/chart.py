"""The report as a picture: for each source, the wall time and the peak memory of each engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from benchmarks.normalize.contenders import OURS
from benchmarks.normalize.report import Report, Result

OUR_COLOR, OTHER_COLOR = "#d1495b", "#8d99ae"

matplotlib.use("Agg")


def draw(report: Report, path: Path) -> None:
    """Write a PNG; who failed has no bar, and what became of it instead."""
    sources = list(dict.fromkeys(result.source for result in report.results))
    engines = list(dict.fromkeys(result.engine for result in report.results))
    height = len(sources) * (0.3 * len(engines) + 0.7) + 0.7
    figure = Figure(figsize=(11, height), layout="constrained")
    grid = figure.subplots(len(sources), 2, squeeze=False)
    for row, source in zip(grid, sources, strict=True):
        results = [result for result in report.results if result.source == source]
        results.sort(key=lambda result: (result.wall_s is None, result.wall_s or 0), reverse=True)
        title = f"{source}, {results[0].rows:,} rows"
        _bars(row[0], results, "wall_s", f"{title}: wall time, s", "{:.2f}")
        _bars(row[1], results, "peak_mb", f"{title}: peak memory, MB", "{:,.0f}")
    machine = report.machine
    figure.suptitle(
        f"Normalizing to z-scores, less is better. {machine.cpu}, {machine.cores} cores, "
        f"{machine.memory_gb:.0f} GB, {machine.date[:10]}",
        fontsize=10,
    )
    figure.savefig(path, dpi=120)


def _bars(axes: Any, results: list[Result], figure: str, title: str, form: str) -> None:
    values = [getattr(result, figure) for result in results]
    bars = axes.barh(
        [result.engine for result in results],
        [value or 0 for value in values],
        color=[OUR_COLOR if result.engine == OURS else OTHER_COLOR for result in results],
    )
    labels = ["failed" if value is None else form.format(value) for value in values]
    axes.bar_label(bars, labels, padding=3, fontsize=8)
    axes.margins(x=0.15)
    axes.set_title(title, fontsize=9, loc="left")
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
