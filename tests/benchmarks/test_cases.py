from __future__ import annotations

import shutil
import sys
from collections import namedtuple
from pathlib import Path

import pyarrow.csv
import pyarrow.parquet
import pytest

from benchmarks.normalize import cases, synthetic
from benchmarks.normalize.contenders import INSTALL

TPCHGEN = Path(sys.executable).with_name("tpchgen-cli")


def test_the_synthetic_table_is_the_same_each_time_and_in_both_formats(tmp_path):
    first, second = ((tmp_path / f"{n}.parquet", tmp_path / f"{n}.csv") for n in (1, 2))
    for parquet, csv in (first, second):
        synthetic.write(200_000, parquet, csv)
    assert first[0].read_bytes() == second[0].read_bytes()
    table = pyarrow.parquet.read_table(first[0])
    assert pyarrow.csv.read_csv(first[1]).equals(table)
    assert (table.num_rows, table.num_columns) == (200_000, 8)
    for column in table.columns:
        assert 1_700 < column.null_count < 2_300


def test_tables_are_made_once(tmp_path):
    made = cases.synthetic(tmp_path, 500)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert cases.synthetic(tmp_path, 500) == made
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before
    assert [(case.source, case.truth.rows) for case in made] == [("csv", 500), ("parquet", 500)]


def test_a_disk_without_room_is_said_before_anything_is_made(tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**10, 9 * 10**9, 10**9))
    with pytest.raises(SystemExit, match=r"21\.0 GB are needed in .*, and 1\.0 GB are free"):
        cases.synthetic(tmp_path, 60_000_000)
    with pytest.raises(SystemExit, match=r"9\.5 GB are needed"):
        cases.lineitem(tmp_path, 10, with_csv=False)
    assert list(tmp_path.iterdir()) == []


def test_lineitem_without_its_generator_says_how_to_install_it(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(SystemExit, match=f"tpchgen-cli, .* is not installed: {INSTALL}"):
        cases.lineitem(tmp_path / "data", 0.001, with_csv=False)


@pytest.mark.skipif(not TPCHGEN.exists(), reason=f"{INSTALL} installs tpchgen-cli")
def test_lineitem_comes_in_both_formats(tmp_path):
    parquet, csv = cases.lineitem(tmp_path, 0.001, with_csv=True)
    assert [parquet.source, csv.source] == ["lineitem-sf0.001-parquet", "lineitem-sf0.001-csv"]
    assert parquet.truth.rows == pyarrow.csv.read_csv(csv.file).num_rows == 6_005
    assert 25 < parquet.truth.mean[0] < 26
