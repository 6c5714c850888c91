"""Polars, lazy and streaming, in one query: the plan decides what it reads twice or keeps."""

from __future__ import annotations

from pathlib import Path

import polars


def normalize(source: Path, columns: list[str], output: Path) -> None:
    rows = (polars.scan_csv if source.suffix == ".csv" else polars.scan_parquet)(source)
    x = polars.col(columns).cast(polars.Float64)
    rows.with_columns((x - x.mean()) / x.std(ddof=0)).sink_parquet(
        output / "rows.parquet", compression="zstd", compression_level=1, engine="streaming"
    )
