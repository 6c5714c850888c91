"""The synthetic table: `… ROWS PARQUET CSV` writes the same rows to both files.

Eight float64 columns of different location and spread, rounded to six digits as measured values
are, 1 % of each null, in no row order that means anything. The same rows whenever it runs.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy
import pyarrow
import pyarrow.csv
import pyarrow.parquet

SEED = 20_260_101
COLUMNS = 8
NULLS = 0.01
BLOCK_ROWS = 131_072


def main() -> None:
    rows, parquet, csv = sys.argv[1:]
    write(int(rows), Path(parquet), Path(csv))


def write(rows: int, parquet: Path, csv: Path) -> None:
    """Write `rows` rows. Row groups have BLOCK_ROWS rows, compressed by snappy, Spark's default."""
    random = numpy.random.default_rng(SEED)
    schema = pyarrow.schema([(f"x{index}", pyarrow.float64()) for index in range(COLUMNS)])
    with (
        pyarrow.parquet.ParquetWriter(parquet, schema, use_dictionary=False) as to_parquet,
        pyarrow.csv.CSVWriter(csv, schema) as to_csv,
    ):
        for start in range(0, rows, BLOCK_ROWS):
            columns = [_column(random, i, min(BLOCK_ROWS, rows - start)) for i in range(COLUMNS)]
            block = pyarrow.Table.from_arrays(columns, schema=schema)
            to_parquet.write_table(block)
            to_csv.write_table(block)


def _column(random: Any, index: int, rows: int) -> Any:
    values = random.normal(10.0**index / 100, 2.0**index, rows).round(6)
    return pyarrow.array(values, mask=random.random(rows) < NULLS)


if __name__ == "__main__":
    main()
