"""A contender that forgets to normalize."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet


def normalize(source: Path, columns: list[str], output: Path) -> None:
    rows = pyarrow.parquet.read_table(source)
    pyarrow.parquet.write_table(rows, output / "rows.parquet")
