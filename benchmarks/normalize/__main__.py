"""Normalization against pandas + scikit-learn, Polars, DuckDB and pyarrow, on the same files.

Each contender reads one file, CSV or Parquet, makes z-scores of some columns and writes all
columns as Parquet. Each run is a process of its own, measured from outside; the contenders take
turns. Before that each runs once untimed, and every cell that it wrote is compared with an
oracle's. The tables are made once and reused. The report is normalize.json, .md and .png.
"""

from __future__ import annotations

import argparse
import importlib.util
import math
import signal
import sys
import time
from pathlib import Path

from benchmarks.normalize.cases import lineitem, synthetic
from benchmarks.normalize.contenders import CONTENDERS, INSTALL
from benchmarks.normalize.machine import describe, memory_bytes
from benchmarks.normalize.measured_process import Limits
from benchmarks.normalize.race import Entry, race
from benchmarks.normalize.report import Report, write


def main() -> None:
    started = time.monotonic()
    # As an exception, so that the run that is measured ends too.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    arguments = parse_arguments()
    limits = Limits(round(arguments.memory_gb * 1e9), arguments.seconds)
    contenders = [c for c in CONTENDERS if c.name in arguments.engines]
    cases = synthetic(arguments.data, arguments.rows)
    for scale in arguments.lineitem:
        cases += lineitem(arguments.data, scale, arguments.lineitem_csv)
    barred = {c.name: c.missing for c in contenders if c.missing}
    entries: list[Entry] = []
    work = arguments.data / "work"
    for number, case in enumerate(cases, 1):
        deadline = started + arguments.within * number / len(cases)
        done = race(case, contenders, barred, arguments.repetitions, work, limits, deadline)
        entries += done
        for entry in done:
            if entry.error:
                barred.setdefault(entry.contender.name, f"failed on {case.source}")
    report = Report.of(describe(), arguments.rows, entries)
    write(report, arguments.output)
    print(f"\n{report.to_markdown()}")
    if importlib.util.find_spec("matplotlib"):
        # Late, since this process's size is the least that it can measure.
        from benchmarks.normalize.chart import draw

        draw(report, arguments.output / "normalize.png")
    else:
        print(f"no chart: matplotlib not installed: {INSTALL}")
    print(f"written to {arguments.output}")


def parse_arguments() -> argparse.Namespace:
    names = [contender.name for contender in CONTENDERS]
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.normalize",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add(
        "--rows",
        type=_count,
        default=5_000_000,
        metavar="N",
        help="of the synthetic table, 8 columns with 1 %% of nulls; default: %(default)s",
    )
    add(
        "--lineitem",
        type=_amount,
        nargs="*",
        default=[1, 10],
        metavar="SF",
        help="scale factors of TPC-H's lineitem, 6 million rows each; none without a value; "
        "default: 1 10",
    )
    add(
        "--lineitem-csv",
        action="store_true",
        help="lineitem from CSV too: 0.8 GB for each unit of the scale factor",
    )
    add("--repetitions", type=_count, default=5, metavar="N", help="default: %(default)s")
    add(
        "--within",
        type=_amount,
        default=math.inf,
        metavar="S",
        help="repeat less often if need be, but once, to end in this time; default: no limit",
    )
    add(
        "--engines",
        nargs="+",
        choices=names,
        default=names,
        metavar="NAME",
        help=f"who takes part; default: all of {', '.join(names)}",
    )
    add(
        "--memory-gb",
        type=_amount,
        default=0.85 * memory_bytes() / 1e9,
        metavar="GB",
        help="a run that takes more is ended and reported; default: 85 %% of the machine's, "
        "%(default).1f",
    )
    add(
        "--seconds",
        type=_amount,
        default=900,
        metavar="S",
        help="a run that takes longer is ended and reported; default: %(default)s",
    )
    add(
        "--data",
        type=Path,
        default=Path("build/bench"),
        metavar="FOLDER",
        help="holds the tables and what runs write; default: %(default)s",
    )
    add(
        "--output",
        type=Path,
        default=Path("benchmarks/results"),
        metavar="FOLDER",
        help="takes the report; default: %(default)s",
    )
    return parser.parse_args()


def _count(text: str) -> int:
    if (count := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return count


def _amount(text: str) -> float:
    if not 0 < (amount := float(text)) < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not more than 0")
    return amount


if __name__ == "__main__":
    main()
