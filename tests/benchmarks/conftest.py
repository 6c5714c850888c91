"""Small tables of both kinds that the benchmark has."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from benchmarks.normalize import oracle, synthetic
from benchmarks.normalize.cases import Case
from benchmarks.normalize.truth import Truth
from tests.gpu_jobs.scaling.simulated_cuda import cupy, library  # noqa: F401

ROWS = 2_000


@pytest.fixture(scope="session")
def cases(tmp_path_factory) -> dict[str, Case]:
    """`csv` and `parquet` hold the synthetic table, `decimals` is of the types of lineitem."""
    folder = tmp_path_factory.mktemp("tables")
    parquet, csv, decimals = (folder / name for name in ("s.parquet", "s.csv", "d.parquet"))
    synthetic.write(ROWS, parquet, csv)
    numbers = _known(parquet, tuple(f"x{index}" for index in range(8)))
    _write_decimals(decimals)
    return {
        "csv": Case("csv", csv, parquet, numbers),
        "parquet": Case("parquet", parquet, parquet, numbers),
        "decimals": Case("decimals", decimals, decimals, _known(decimals, ("price", "tax"))),
    }


def _known(parquet: Path, columns: tuple[str, ...]) -> Truth:
    truth = oracle.find(parquet, columns)
    truth.save(parquet)
    return truth


def _write_decimals(path: Path) -> None:
    money = pyarrow.decimal128(15, 2)
    numbers = range(ROWS)
    table = pyarrow.table(
        {
            "key": pyarrow.array(numbers, pyarrow.int64()),
            "line": pyarrow.array([n % 7 for n in numbers], pyarrow.int32()),
            "price": pyarrow.array([Decimal(n * n % 9_973) / 100 for n in numbers], money),
            "tax": pyarrow.array([None if n % 50 == 0 else Decimal(n % 9) for n in numbers], money),
            "day": pyarrow.array([date(1998, 1, 1 + n % 28) for n in numbers]),
            "comment": pyarrow.array([f"no. {n}" for n in numbers], pyarrow.string_view()),
        }
    )
    pyarrow.parquet.write_table(table, path)
