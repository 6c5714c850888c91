"""pandas on Arrow, and scikit-learn's StandardScaler, which takes NaN for a missing value."""

from __future__ import annotations

from pathlib import Path

import pandas
from sklearn.preprocessing import StandardScaler


def normalize(source: Path, columns: list[str], output: Path) -> None:
    if source.suffix == ".csv":
        rows = pandas.read_csv(source, engine="pyarrow", dtype_backend="pyarrow")
    else:
        rows = pandas.read_parquet(source, engine="pyarrow", dtype_backend="pyarrow")
    # Through Arrow's doubles: decimals would become Python's on the direct way.
    x = rows[columns].astype("float64[pyarrow]").astype("float64")
    rows[columns] = StandardScaler(copy=False).fit_transform(x)
    rows.to_parquet(
        output / "rows.parquet",
        engine="pyarrow",
        compression="zstd",
        compression_level=1,
        use_dictionary=[name for name in rows.columns if name not in columns],
    )
