"""The tables: made once below a folder, and found there again."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks.normalize.contenders import INSTALL
from benchmarks.normalize.truth import Truth

LINEITEM_COLUMNS = ("l_quantity", "l_extendedprice", "l_discount", "l_tax")
"""Decimals in Parquet."""

# In bytes: the files; what a run lays down beside them, which is a copy, scratch and the output.
SYNTHETIC_ROW, SYNTHETIC_ROW_RUN = 150, 200
LINEITEM_SCALE, LINEITEM_SCALE_RUN = 250_000_000, 700_000_000
LINEITEM_SCALE_CSV, LINEITEM_SCALE_CSV_RUN = 780_000_000, 1_500_000_000


@dataclass(frozen=True)
class Case:
    """One file to normalize. `parquet` holds the same rows: the file itself, if it is no CSV."""

    source: str
    file: Path
    parquet: Path
    truth: Truth


def synthetic(folder: Path, rows: int) -> list[Case]:
    """Eight columns of random numbers, as CSV and as Parquet."""
    parquet = folder / f"synthetic-{rows}.parquet"
    csv = parquet.with_suffix(".csv")
    made = Truth.path(parquet).exists() and csv.exists()
    _reserve(folder, rows * (SYNTHETIC_ROW_RUN + (0 if made else SYNTHETIC_ROW)))
    if not made:
        print(f"making {rows:,} rows in {folder}", flush=True)
        _python("synthetic", str(rows), str(parquet), str(csv))
        _python("oracle", str(parquet), *(f"x{index}" for index in range(8)))
    truth = Truth.load(parquet)
    return [Case("csv", csv, parquet, truth), Case("parquet", parquet, parquet, truth)]


def lineitem(folder: Path, scale: float, with_csv: bool) -> list[Case]:
    """TPC-H's largest table, of `scale` times 6 million rows, as Parquet and if asked as CSV."""
    name = f"lineitem-sf{scale:g}"
    parquet = folder / f"{name}.parquet"
    csv = folder / f"{name}.csv"
    if not Truth.path(parquet).exists():
        _reserve(folder, scale * (LINEITEM_SCALE + LINEITEM_SCALE_RUN))
        _tpchgen("parquet", scale, parquet)
        _python("oracle", str(parquet), *LINEITEM_COLUMNS)
    if with_csv and not csv.exists():
        _reserve(folder, scale * (LINEITEM_SCALE_CSV + LINEITEM_SCALE_CSV_RUN))
        _tpchgen("csv", scale, csv)
    _reserve(folder, scale * (LINEITEM_SCALE_CSV_RUN if with_csv else LINEITEM_SCALE_RUN))
    truth = Truth.load(parquet)
    cases = [Case(f"{name}-parquet", parquet, parquet, truth)]
    return [*cases, Case(f"{name}-csv", csv, parquet, truth)] if with_csv else cases


def _reserve(folder: Path, size: float) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if free < size:
        sys.exit(
            f"{size / 1e9:.1f} GB are needed in {folder}, and {free / 1e9:.1f} GB are free there. "
            "Choose another folder with --data, or a smaller table with --rows and --lineitem."
        )


def _python(module: str, *arguments: str) -> None:
    """Run a module of this folder apart, so that this process stays small."""
    subprocess.run([sys.executable, "-m", f"benchmarks.normalize.{module}", *arguments], check=True)


def _tpchgen(format_: str, scale: float, path: Path) -> None:
    tpchgen = Path(sys.executable).with_name("tpchgen-cli")
    if not tpchgen.exists():
        sys.exit(f"tpchgen-cli, which makes lineitem, is not installed: {INSTALL}")
    print(f"making {path}", flush=True)
    folder = path.with_suffix(".new")
    shutil.rmtree(folder, ignore_errors=True)
    options = ["-s", f"{scale:g}", "--tables", "lineitem", "--output-dir", str(folder), "--quiet"]
    subprocess.run([tpchgen, format_, *options], check=True)
    (folder / f"lineitem.{format_}").rename(path)
    folder.rmdir()
