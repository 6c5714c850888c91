"""Polars, lazy and streaming, sparing memory: a scan for the statistics, another for the rows."""

from __future__ import annotations

from pathlib import Path

import polars


def normalize(source: Path, columns: list[str], output: Path) -> None:
    rows = (polars.scan_csv if source.suffix == ".csv" else polars.scan_parquet)(source)
    x = polars.col(columns).cast(polars.Float64)
    measures = [x.mean().name.suffix(" mean"), x.std(ddof=0).name.suffix(" std")]
    found = rows.select(measures).collect(engine="streaming").row(0, named=True)
    rows.with_columns(
        (polars.col(name).cast(polars.Float64) - found[f"{name} mean"]) / found[f"{name} std"]
        for name in columns
    ).sink_parquet(
        output / "rows.parquet", compression="zstd", compression_level=1, engine="streaming"
    )
