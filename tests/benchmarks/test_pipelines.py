"""`bigdata compare` for real over two small sizes, and what its findings are made of."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import numpy
import pyarrow.parquet
import pytest

from benchmarks.pipelines import data
from benchmarks.pipelines.analysis import find, spark_pays_from
from benchmarks.pipelines.measurements import (
    Measured,
    OneMachineMeasurements,
    OnSpark,
    SparkMeasurements,
)
from benchmarks.pipelines.page import page
from benchmarks.pipelines.row_at_a_time import summarise
from contracts.metrics import PipelineTimings, SparkTimings
from contracts.summary import ColumnSummary, GroupSummary, Summary
from local.config import REPOSITORY
from tests.spark_jobs.conftest import spark_session, spec_of  # noqa: F401
from tests.spark_jobs.oracle import assert_agree, expected_summary

SUMMARY = Summary(
    "rdd",
    10,
    "g",
    ("x",),
    (GroupSummary("a", 10, (ColumnSummary(10, 0, 1.0, -1, 1, 0),)),),
    ((1.0,),),
)


def measured(*seconds, summary=SUMMARY):
    return Measured(PipelineTimings(seconds), summary)


def on_spark(rows, rdd, dataframe, baseline=None):
    timings = SparkTimings(
        rows=rows,
        cores=2,
        startup_seconds=4.5,
        warm_up_seconds=1.0,
        dataframe=PipelineTimings((dataframe,) * 3),
        rdd=PipelineTimings((rdd,) * 3),
    )
    return OnSpark(timings, SUMMARY, SUMMARY, baseline)


def findings(*sizes):
    """Of (rows, RDD seconds, DataFrame seconds, Polars seconds)."""
    spark = SparkMeasurements(tuple(on_spark(*size[:3]) for size in sizes))
    alone = OneMachineMeasurements("Polars 9", tuple(measured(*size[3:]) for size in sizes))
    return find(spark, alone, columns=1, command="bigdata compare", measured_at="2026")


def test_the_same_seed_gives_the_same_z_scores(tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        data.write_dataset(tmp_path / name, 2_000, seed)
    a, b, c = (pyarrow.parquet.read_table(tmp_path / name) for name in "abc")
    assert a == b
    assert a != c
    assert a.column_names == [*data.COLUMNS, data.GROUP_BY]
    for name in data.COLUMNS:
        values = a[name].drop_null().to_numpy()
        assert 0 < a[name].null_count < 60
        assert (values.mean(), values.std()) == pytest.approx((0, 1), abs=1e-12)
    assert numpy.unique(a[data.GROUP_BY]).tolist() == sorted(data.CATEGORIES)


def test_spark_pays_from_the_size_from_which_on_it_is_always_faster():
    sizes = findings((10, 1, 2, 3), (20, 4, 2, 1), (30, 9, 2, 3), (40, 2, 9, 3)).sizes
    assert spark_pays_from(sizes) == 30
    assert spark_pays_from(sizes[:2]) is None
    assert spark_pays_from(sizes[:1]) == 10


def test_the_verdict_says_where_spark_pays_and_leaves_the_start_apart():
    pays = findings((1_000, 1, 2, 0.1), (2_000, 1, 2, 3)).verdict
    assert pays.startswith("From 2,000 rows on Spark is faster than Polars 9")
    assert "4.5 s that Spark takes to start are left out" in pays
    assert "Spark is not faster than Polars 9" in findings((1_000, 1, 2, 0.1)).verdict


def test_summaries_that_differ_are_found_whoever_left_them():
    other = replace(SUMMARY, rows=11)
    for alone, baseline in ((other, SUMMARY), (SUMMARY, other), (None, SUMMARY), (SUMMARY, None)):
        spark = SparkMeasurements((on_spark(10, 1, 2, measured(9, summary=baseline)),))
        one_machine = OneMachineMeasurements("Polars 9", (measured(1, summary=alone),))
        (size,) = find(spark, one_machine, 1, "", "").sizes
        assert not size.agree
        assert size.over_baseline == 9


def test_the_page_has_a_row_for_each_size():
    lines = page(findings((1_000, 0.5, 0.25, 0.1), (2_000, 1, 2, 3))).splitlines()
    rows = [line for line in lines if line.startswith("| ") and "records/s" in line]
    assert rows[0].startswith("| 1,000 | 500 ms | 250 ms | 2.00 (2.00 to 2.00) | 2,000 records/s |")
    assert len(rows) == 2
    assert any(line.startswith("Medians, of 3 runs of RDD and DataFrame each") for line in lines)
    assert "    bigdata compare" in lines


def test_the_baseline_leaves_the_same_summary(spark_session, spec_of, tmp_path):  # noqa: F811
    data.write_dataset(tmp_path / "data", 700, 3)
    table = pyarrow.parquet.read_table(tmp_path / "data")
    spec = spec_of(table, group_by=data.GROUP_BY)
    texts = table[data.GROUP_BY].to_pylist()
    assert_agree(summarise(spark_session, spec), expected_summary(spec, table, texts))


def test_two_sizes_are_compared_for_real(tmp_path):
    pytest.importorskip("polars", reason="`make compare-tools` installs it")
    pytest.importorskip("matplotlib", reason="`make compare-tools` installs it")
    command = [sys.executable, "-m", "benchmarks.pipelines", "--sizes", "300,2000", "--baseline"]
    done = subprocess.run(
        [*command, "--output", str(tmp_path)], cwd=REPOSITORY, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((tmp_path / "performance_analysis.json").read_text())
    assert [size["rows"] for size in found["sizes"]] == [300, 2000]
    for size in found["sizes"]:
        assert size["agree"]
        assert size["ci95"] is not None
        assert size["over_baseline"] > 0
        assert len(size["one_machine"]["runs_s"]) >= 3
    assert (tmp_path / "performance_analysis.md").read_text().count("records/s") == 4
    assert (tmp_path / "performance_analysis.png").read_bytes().startswith(b"\x89PNG")
    assert not list(tmp_path.glob(".data-*"))
