"""Whether a contender's output is right: `… PARQUET OUTPUT` ends with code 1 where it is not."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy
import pyarrow
import pyarrow.parquet

from benchmarks.normalize.truth import Truth

BLOCK_ROWS = 131_072
TOLERANCE = 1e-9
"""The largest error of a z-score z, absolute below 1 and relative beyond."""


class WrongResult(Exception):
    """What is wrong, and in which row and column."""


def main() -> None:
    parquet, output = map(Path, sys.argv[1:])
    try:
        check(parquet, output)
    except WrongResult as error:
        sys.exit(str(error))


def check(parquet: Path, output: Path) -> None:
    """Compare every cell of the files in `output` with the rows of `parquet`.

    Raises WrongResult.
    """
    truth = Truth.load(parquet)
    files = sorted(output.glob("*.parquet"))
    rows = sum(pyarrow.parquet.read_metadata(file).num_rows for file in files)
    if rows != truth.rows:
        raise WrongResult(f"{rows:,} rows, expected {truth.rows:,}")
    start = 0
    for expected, found in zip_longest(_blocks([parquet]), _blocks(files)):
        if found.column_names != expected.column_names:
            raise WrongResult(f"columns {found.column_names}, expected {expected.column_names}")
        for name in expected.column_names:
            if name in truth.columns:
                index = truth.columns.index(name)
                x = _numbers(expected[name])
                z = (x - truth.mean[index]) / truth.std[index]
                _compare_numbers(name, start, z, found[name])
            else:
                _compare_cells(name, start, expected[name], found[name])
        start += expected.num_rows


def _compare_numbers(name: str, start: int, expected: Any, found: Any) -> None:
    if found.type != pyarrow.float64():
        raise WrongResult(f"column {name} is {found.type}, expected double")
    z = _numbers(found)
    near = numpy.abs(z - expected) <= TOLERANCE * numpy.maximum(1, numpy.abs(expected))
    null = numpy.isnan(expected)
    # A NaN would pass for a null as a number, and is none.
    right = numpy.where(null, found.is_null().to_numpy(zero_copy_only=False), near)
    if not right.all():
        row = int(numpy.argmin(right))
        wanted = None if null[row] else expected[row]
        raise WrongResult(
            f"column {name}, row {start + row:,}: {found[row].as_py()}, expected {wanted}"
        )


def _compare_cells(name: str, start: int, expected: Any, found: Any) -> None:
    """Text and dates may have another type of Arrow's, with the same cells."""
    if not found.cast(expected.type).equals(expected):
        pairs = zip(found.cast(expected.type).to_pylist(), expected.to_pylist(), strict=True)
        row, (cell, wanted) = next((i, pair) for i, pair in enumerate(pairs) if pair[0] != pair[1])
        raise WrongResult(f"column {name}, row {start + row:,}: {cell!r}, expected {wanted!r}")


def _numbers(cells: Any) -> Any:
    return cells.cast(pyarrow.float64()).to_numpy(zero_copy_only=False)


def _blocks(files: Iterable[Path]) -> Iterator[Any]:
    """The rows of all files in record batches of BLOCK_ROWS rows; the last may be smaller."""
    waiting: list[Any] = []
    rows = 0
    for file in files:
        for batch in pyarrow.parquet.ParquetFile(file).iter_batches(BLOCK_ROWS):
            rest = batch
            while rest.num_rows:
                piece = rest.slice(0, BLOCK_ROWS - rows)
                rest = rest.slice(piece.num_rows)
                waiting.append(piece)
                rows += piece.num_rows
                if rows == BLOCK_ROWS:
                    yield _joined(waiting)
                    waiting, rows = [], 0
    if waiting:
        yield _joined(waiting)


def _joined(batches: list[Any]) -> Any:
    columns = [
        pyarrow.concat_arrays([_plain(batch[name]) for batch in batches])
        for name in batches[0].schema.names
    ]
    return pyarrow.RecordBatch.from_arrays(columns, batches[0].schema.names)


def _plain(cells: Any) -> Any:
    """Text in one of Arrow's several types of it: not all of its functions know all of them."""
    is_text = str(cells.type) in ("string_view", "large_string") or pyarrow.types.is_dictionary(
        cells.type
    )
    return cells.cast(pyarrow.string()) if is_text else cells


if __name__ == "__main__":
    main()
