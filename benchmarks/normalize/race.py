"""The contenders in turn, round after round, each run in a process of its own."""

from __future__ import annotations

import math
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.normalize.cases import Case
from benchmarks.normalize.contenders import Contender
from benchmarks.normalize.measured_process import FailedRun, Limits, Usage, run

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Entry:
    """What became of a contender: as many `usages` as repetitions, or the `error` that ended it."""

    contender: Contender
    case: Case
    usages: tuple[Usage, ...]
    error: str | None


def race(
    case: Case,
    contenders: Sequence[Contender],
    barred: Mapping[str, str],
    repetitions: int,
    work: Path,
    limits: Limits,
    deadline: float = math.inf,
) -> list[Entry]:
    """Run each contender once untimed, which warms the page cache and is checked, then in turn.

    `barred` says of contenders, by name, why they do not take part; who fails is not run again.
    Once there is one timed round, none is begun that would end after `deadline`, a time of
    time.monotonic(), if it took as long as the one before.

    A run has the folder `work` to itself, which is deleted after it. A wrong result ends the
    benchmark, naming the contender (SystemExit).
    """
    errors = dict(barred)
    usages: dict[str, list[Usage]] = {contender.name: [] for contender in contenders}
    round_s = 0.0
    try:
        for repetition in range(repetitions + 1):
            started = time.monotonic()
            if repetition > 1 and started + round_s > deadline:
                break
            for contender in contenders:
                if contender.name in errors:
                    continue
                label = f"{case.source}, {repetition}/{repetitions}, {contender.name}"
                try:
                    usage = _run(contender, case, work, limits, checked=repetition == 0)
                except FailedRun as error:
                    errors[contender.name] = str(error)
                    print(f"{label}: {error}", flush=True)
                    continue
                if repetition:
                    usages[contender.name].append(usage)
                said = "right, untimed" if repetition == 0 else _words(usage)
                print(f"{label}: {said}", flush=True)
            round_s = time.monotonic() - started
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return [Entry(c, case, tuple(usages[c.name]), errors.get(c.name)) for c in contenders]


def _run(contender: Contender, case: Case, work: Path, limits: Limits, checked: bool) -> Usage:
    shutil.rmtree(work, ignore_errors=True)
    output = work / "output"
    output.mkdir(parents=True)
    command = contender.command(case.file.resolve(), case.truth.columns, output.resolve())
    usage = run(command, work, {**os.environ, "PYTHONPATH": str(ROOT)}, limits)
    if checked:
        _check(contender, case, output)
    return usage


def _check(contender: Contender, case: Case, output: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.normalize.check", str(case.parquet), str(output)]
    check = subprocess.run(command, stderr=subprocess.PIPE, text=True)
    if check.returncode:
        sys.exit(f"{contender.name} from {case.source}: wrong result: {check.stderr.strip()}")


def _words(usage: Usage) -> str:
    return f"{usage.wall_s:.2f} s, {usage.cpu_s:.2f} s of CPU, {usage.peak_mb:.0f} MB"
