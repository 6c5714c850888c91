"""What the benchmark found: medians, ratios, and a table of them."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.normalize.contenders import OURS
from benchmarks.normalize.machine import Machine
from benchmarks.normalize.race import Entry


@dataclass(frozen=True)
class Result:
    """Medians over the repetitions, and of each the least and the most in `spread`.

    `columns` is how many of them are normalized. `peak_mb` is in 10^6 bytes. A contender with an
    `error` has no figures.
    """

    engine: str
    source: str
    rows: int
    columns: int
    wall_s: float | None
    cpu_s: float | None
    peak_mb: float | None
    repetitions: int
    spread: dict[str, tuple[float, float]]
    error: str | None

    @classmethod
    def of(cls, entry: Entry) -> Result:
        usages = () if entry.error else entry.usages
        figures = {
            name: [round(getattr(usage, name), 3) for usage in usages]
            for name in ("wall_s", "cpu_s", "peak_mb")
        }
        return cls(
            engine=entry.contender.name,
            source=entry.case.source,
            rows=entry.case.truth.rows,
            columns=len(entry.case.truth.columns),
            **{name: _median(all_) for name, all_ in figures.items()},
            repetitions=len(usages),
            spread={name: (min(all_), max(all_)) for name, all_ in figures.items() if all_},
            error=entry.error,
        )

    @property
    def ns_per_row(self) -> float | None:
        return None if self.wall_s is None else self.wall_s / self.rows * 1e9


@dataclass(frozen=True)
class Report:
    """`rows` are those of the synthetic table.

    `ratios` are the others' wall time over ours, by `<engine>/<source>`. `growth` is, by engine,
    the time per row of the largest lineitem in Parquet over that of the smallest.
    """

    machine: Machine
    rows: int
    results: tuple[Result, ...]
    ratios: dict[str, float]
    growth: dict[str, float]

    @classmethod
    def of(cls, machine: Machine, rows: int, entries: Sequence[Entry]) -> Report:
        results = tuple(map(Result.of, entries))
        return cls(machine, rows, results, _ratios(results), _growth(results))

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2) + "\n"

    def to_markdown(self) -> str:
        """The table, by source and then by time, below the machine and above the command."""
        lines = [
            f"{self.machine.in_words}.",
            "",
            "| Source | Rows | Engine | Wall s (least to most) | CPU s | Peak MB | ns/row "
            "| Over ours |",
            "|---|--:|---|--:|--:|--:|--:|--:|",
        ]
        sources = list(dict.fromkeys(result.source for result in self.results))
        for result in sorted(
            self.results, key=lambda r: (sources.index(r.source), r.wall_s is None, r.wall_s or 0)
        ):
            lines.append(self._line(result))
        for engine, growth in self.growth.items():
            if engine == OURS:
                lines += [
                    "",
                    f"{OURS}, lineitem: the largest takes {growth:.2f} x the time per "
                    "row of the smallest.",
                ]
        return "\n".join([*lines, "", f"`{self.machine.command}`", ""])

    def _line(self, result: Result) -> str:
        engine = f"**{result.engine}**" if result.engine == OURS else result.engine
        start = f"| {result.source} | {result.rows:,} | {engine} |"
        if result.wall_s is None:
            return f"{start} {(result.error or '').replace('|', '/')} | | | | |"
        least, most = result.spread["wall_s"]
        ratio = self.ratios.get(f"{result.engine}/{result.source}")
        return (
            f"{start} {result.wall_s:.2f} ({least:.2f} to {most:.2f}) | {result.cpu_s:.2f} "
            f"| {result.peak_mb:,.0f} | {result.ns_per_row:,.0f} "
            f"| {'' if ratio is None else f'{ratio:.2f}'} |"
        )


def write(report: Report, folder: Path) -> None:
    """Write `normalize.json` and `normalize.md` into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "normalize.json").write_text(report.to_json(), encoding="utf-8")
    (folder / "normalize.md").write_text(report.to_markdown(), encoding="utf-8")


def _median(figures: Sequence[float]) -> float | None:
    return round(statistics.median(figures), 3) if figures else None


def _ratios(results: Sequence[Result]) -> dict[str, float]:
    ours = {result.source: result.wall_s for result in results if result.engine == OURS}
    return {
        f"{result.engine}/{result.source}": round(result.wall_s / mine, 3)
        for result in results
        if result.engine != OURS and result.wall_s and (mine := ours.get(result.source))
    }


def _growth(results: Sequence[Result]) -> dict[str, float]:
    growth = {}
    for engine in dict.fromkeys(result.engine for result in results):
        runs = sorted(
            (result.rows, result.ns_per_row)
            for result in results
            if result.engine == engine
            and result.ns_per_row is not None
            and result.source.startswith("lineitem")
            and result.source.endswith("parquet")
        )
        if len(runs) > 1:
            growth[engine] = round(runs[-1][1] / runs[0][1], 3)
    return growth
