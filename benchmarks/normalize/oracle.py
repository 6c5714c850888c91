"""The means and deviations of a Parquet file's columns, by NumPy: `… PARQUET COLUMN…`.

Two passes in extended precision, apart from everything that takes part in the benchmark.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy
import pyarrow
import pyarrow.parquet

from benchmarks.normalize.truth import Truth


def main() -> None:
    path, *columns = sys.argv[1:]
    find(Path(path), tuple(columns)).save(Path(path))


def find(parquet: Path, columns: tuple[str, ...]) -> Truth:
    """The truth of the file's `columns`, nulls left out."""
    count = numpy.zeros(len(columns), dtype=int)
    total = numpy.zeros(len(columns), dtype=numpy.longdouble)
    for index, x in _values(parquet, columns):
        count[index] += len(x)
        total[index] += x.sum()
    mean = total / count
    squares = numpy.zeros_like(total)
    for index, x in _values(parquet, columns):
        squares[index] += ((x - mean[index]) ** 2).sum()
    std = numpy.sqrt(squares / count)
    rows = pyarrow.parquet.read_metadata(parquet).num_rows
    return Truth(rows, columns, *(tuple(map(float, found)) for found in (mean, std)))


def _values(parquet: Path, columns: tuple[str, ...]) -> Iterator[tuple[int, Any]]:
    for batch in pyarrow.parquet.ParquetFile(parquet).iter_batches(columns=list(columns)):
        for index, name in enumerate(columns):
            known = batch[name].drop_null().cast(pyarrow.float64())
            yield index, known.to_numpy().astype(numpy.longdouble)


if __name__ == "__main__":
    main()
