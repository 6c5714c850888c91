"""The findings as a Markdown page."""

from __future__ import annotations

from benchmarks.pipelines.analysis import Findings, SizeFindings
from cli.text import DASH, count, rate, seconds


def page(findings: Findings) -> str:
    """A table with a row for each size, and what it says."""
    headings = (
        "Rows",
        "RDD",
        "DataFrame",
        "DataFrame speed-up (95 %)",
        "RDD throughput",
        "DataFrame throughput",
        findings.engine,
        "Row at a time",
        "Verdict",
    )
    lines = [
        "# RDD against DataFrame",
        "",
        f"{findings.verdict}",
        "",
        _row(headings),
        _row(["---:"] * (len(headings) - 1) + ["---"]),
        *(_row(_cells(size)) for size in findings.sizes),
        "",
        f"Medians, of {_runs(findings)} of RDD and DataFrame each, warm, {findings.columns} "
        f"columns in 5 groups, {count(findings.cores, 'core')}. The speed-up is RDD's time over "
        f"DataFrame's. {findings.measured_at}, by",
        "",
        f"    {findings.command}",
        "",
        "![times and speed-up by size](performance_analysis.png)",
    ]
    return "\n".join(lines) + "\n"


def _cells(size: SizeFindings) -> list[str]:
    interval = f" ({size.ci95[0]:.2f} to {size.ci95[1]:.2f})" if size.ci95 else ""
    return [
        count(size.rows),
        seconds(size.rdd.median_s),
        seconds(size.dataframe.median_s),
        DASH if size.speedup is None else f"{size.speedup:.2f}{interval}",
        rate(size.rdd.records_per_s),
        rate(size.dataframe.records_per_s),
        seconds(size.one_machine.median_s),
        seconds(size.baseline.median_s if size.baseline else None),
        size.verdict if size.agree else f"{size.verdict} The summaries differ.",
    ]


def _runs(findings: Findings) -> str:
    """How many timed runs the Spark pipelines had."""
    numbers = {len(one.runs_s) for size in findings.sizes for one in (size.rdd, size.dataframe)}
    fewest, most = min(numbers), max(numbers)
    return count(most, "run") if fewest == most else f"{fewest} to {most} runs"


def _row(cells: list[str] | tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"
