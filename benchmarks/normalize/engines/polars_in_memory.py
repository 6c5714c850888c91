"""Polars, eager: the file is read once, into memory."""

from __future__ import annotations

from pathlib import Path

import polars


def normalize(source: Path, columns: list[str], output: Path) -> None:
    rows = (polars.read_csv if source.suffix == ".csv" else polars.read_parquet)(source)
    x = polars.col(columns).cast(polars.Float64)
    rows.with_columns((x - x.mean()) / x.std(ddof=0)).write_parquet(
        output / "rows.parquet", compression="zstd", compression_level=1
    )
