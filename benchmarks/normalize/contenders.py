"""Who takes part, and which package each needs."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path

OURS = "bigdata-serverless"
INSTALL = "make .venv/.bench"


@dataclass(frozen=True)
class Contender:
    """`module` has `normalize(source, columns, output)`, which does the whole job.

    It reads `source`, CSV or Parquet by its suffix, replaces the `columns` by their z-scores
    (float64, population's standard deviation, nulls ignored and kept), and writes all columns and
    rows in their order as Parquet into the folder `output`, compressed by zstd at level 1.
    """

    name: str
    module: str
    packages: tuple[str, ...] = ()

    @property
    def missing(self) -> str | None:
        """What to do about packages that are not installed, if any."""
        absent = [name for name in self.packages if importlib.util.find_spec(name) is None]
        return f"{' and '.join(absent)} not installed: {INSTALL}" if absent else None

    def command(self, source: Path, columns: tuple[str, ...], output: Path) -> list[str]:
        runner = "benchmarks.normalize.run_engine"
        return [sys.executable, "-m", runner, self.module, str(source), str(output), *columns]


_ENGINES = "benchmarks.normalize.engines."

CONTENDERS = (
    Contender(OURS, _ENGINES + "ours"),
    Contender("pandas-sklearn", _ENGINES + "pandas_sklearn", ("pandas", "sklearn")),
    Contender("polars-streaming", _ENGINES + "polars_streaming", ("polars",)),
    Contender("polars-two-scans", _ENGINES + "polars_two_scans", ("polars",)),
    Contender("polars-in-memory", _ENGINES + "polars_in_memory", ("polars",)),
    Contender("duckdb", _ENGINES + "duckdb_sql", ("duckdb",)),
    Contender("pyarrow", _ENGINES + "pyarrow_table", ("pyarrow",)),
)
