"""DuckDB, in SQL: CSV becomes a table, so that it is parsed once; Parquet is scanned twice."""

from __future__ import annotations

from pathlib import Path

import duckdb


def normalize(source: Path, columns: list[str], output: Path) -> None:
    database = duckdb.connect()
    kind = "TABLE" if source.suffix == ".csv" else "VIEW"
    database.execute(f"CREATE {kind} source AS FROM '{source}'")
    statistics = ", ".join(
        f'avg("{name}") AS "{name} mean", stddev_pop("{name}") AS "{name} std"' for name in columns
    )
    database.execute(f"CREATE TABLE statistics AS SELECT {statistics} FROM source")
    z = ", ".join(f'("{name}" - "{name} mean") / "{name} std" AS "{name}"' for name in columns)
    database.execute(
        f"COPY (SELECT source.* REPLACE ({z}) FROM source, statistics)"
        f" TO '{output / 'rows.parquet'}' (FORMAT parquet, CODEC zstd, COMPRESSION_LEVEL 1)"
    )
