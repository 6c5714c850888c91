from __future__ import annotations

import json
from dataclasses import replace

import pytest

from benchmarks.normalize.contenders import CONTENDERS
from benchmarks.normalize.machine import Machine
from benchmarks.normalize.measured_process import Usage
from benchmarks.normalize.race import Entry
from benchmarks.normalize.report import Report

OURS, PANDAS = CONTENDERS[:2]
MACHINE = Machine("Abacus", 2, 8.0, "Linux", "3.11", {"numpy": "2"}, "2026-01-02T03:04:05", "run")


@pytest.fixture
def entry(cases):
    def make(contender, source, *seconds, rows=1_000, error=None) -> Entry:
        case = cases["parquet"]
        case = replace(case, source=source, truth=replace(case.truth, rows=rows))
        return Entry(contender, case, tuple(Usage(s, 2 * s, 100 * s) for s in seconds), error)

    return make


def test_figures_are_medians_beside_the_least_and_the_most(entry):
    report = Report.of(MACHINE, 1_000, [entry(OURS, "csv", 3.0, 1.0, 1.5)])
    (result,) = json.loads(report.to_json())["results"]
    assert result == {
        "engine": "bigdata-serverless",
        "source": "csv",
        "rows": 1_000,
        "columns": 8,
        "wall_s": 1.5,
        "cpu_s": 3.0,
        "peak_mb": 150.0,
        "repetitions": 3,
        "spread": {"wall_s": [1.0, 3.0], "cpu_s": [2.0, 6.0], "peak_mb": [100.0, 300.0]},
        "error": None,
    }


def test_a_ratio_is_theirs_over_ours_of_the_same_source(entry):
    entries = [
        *(entry(OURS, "csv", 2.0), entry(PANDAS, "csv", 5.0)),
        *(entry(OURS, "parquet", 4.0), entry(PANDAS, "parquet", 1.0)),
    ]
    ratios = Report.of(MACHINE, 1_000, entries).ratios
    assert ratios == {"pandas-sklearn/csv": 2.5, "pandas-sklearn/parquet": 0.25}


def test_who_failed_has_a_reason_and_neither_figures_nor_a_ratio(entry):
    entries = [entry(OURS, "csv", 2.0), entry(PANDAS, "csv", 5.0, error="died: a | b")]
    report = Report.of(MACHINE, 1_000, entries)
    assert report.ratios == {}
    assert (report.results[1].wall_s, report.results[1].repetitions) == (None, 0)
    assert "| csv | 1,000 | pandas-sklearn | died: a / b | | | | |" in report.to_markdown()


def test_growth_is_by_row_between_the_smallest_and_the_largest_lineitem(entry):
    entries = [
        entry(OURS, "parquet", 9.0, rows=1_000),
        entry(OURS, "lineitem-sf1-parquet", 1.0, rows=1_000),
        entry(OURS, "lineitem-sf1-csv", 5.0, rows=1_000),
        entry(OURS, "lineitem-sf10-parquet", 12.0, rows=10_000),
    ]
    report = Report.of(MACHINE, 1_000, entries)
    assert report.growth == {"bigdata-serverless": 1.2}
    assert "takes 1.20 x the time per row" in report.to_markdown()


def test_the_table_goes_by_source_and_then_by_time_and_ends_with_the_command(entry):
    entries = [
        *(entry(OURS, "parquet", 2.0), entry(PANDAS, "parquet", 1.0)),
        *(entry(OURS, "csv", 3.0), entry(PANDAS, "csv", 4.5)),
    ]
    lines = Report.of(MACHINE, 1_000, entries).to_markdown().splitlines()
    assert lines[0] == "Abacus, 2 cores, 8 GB of memory, Linux, Python 3.11, numpy 2, 2026-01-02."
    assert lines[4:8] == [
        "| parquet | 1,000 | pandas-sklearn | 1.00 (1.00 to 1.00) | 2.00 | 100 "
        "| 1,000,000 | 0.50 |",
        "| parquet | 1,000 | **bigdata-serverless** | 2.00 (2.00 to 2.00) | 4.00 | 200 "
        "| 2,000,000 |  |",
        "| csv | 1,000 | **bigdata-serverless** | 3.00 (3.00 to 3.00) | 6.00 | 300 "
        "| 3,000,000 |  |",
        "| csv | 1,000 | pandas-sklearn | 4.50 (4.50 to 4.50) | 9.00 | 450 | 4,500,000 | 1.50 |",
    ]
    assert lines[-1] == "`run`"
