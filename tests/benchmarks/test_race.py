from __future__ import annotations

import time

import pytest

from benchmarks.normalize.contenders import CONTENDERS, Contender
from benchmarks.normalize.measured_process import Limits
from benchmarks.normalize.race import race

LIMITS = Limits(memory_bytes=10**12, seconds=60)
OURS = CONTENDERS[0]
PYARROW = CONTENDERS[-1]
BROKEN = Contender("broken", "no_such_module")


def test_contenders_take_turns_and_who_fails_is_not_run_again(cases, tmp_path, capsys):
    entries = race(cases["csv"], [OURS, BROKEN, PYARROW], {}, 2, tmp_path / "work", LIMITS)

    assert [entry.contender for entry in entries] == [OURS, BROKEN, PYARROW]
    assert [len(entry.usages) for entry in entries] == [2, 0, 2]
    assert [entry.error is None for entry in entries] == [True, False, True]
    assert "No module named 'no_such_module'" in entries[1].error
    said = [line.partition(":")[0] for line in capsys.readouterr().out.splitlines()]
    assert said == [
        *("csv, 0/2, bigdata-serverless", "csv, 0/2, broken", "csv, 0/2, pyarrow"),
        *("csv, 1/2, bigdata-serverless", "csv, 1/2, pyarrow"),
        *("csv, 2/2, bigdata-serverless", "csv, 2/2, pyarrow"),
    ]
    assert not (tmp_path / "work").exists()


def test_a_wrong_result_ends_all_and_names_the_contender(cases, tmp_path):
    wrong = Contender("forgetful", "tests.benchmarks.wrong_engine")
    message = "forgetful from parquet: wrong result: column x0, row 0"
    with pytest.raises(SystemExit, match=message):
        race(cases["parquet"], [wrong], {}, 1, tmp_path / "work", LIMITS)
    assert not (tmp_path / "work").exists()


def test_who_is_barred_is_not_run(cases, tmp_path):
    barred = {"broken": "failed on csv"}
    (entry,) = race(cases["parquet"], [BROKEN], barred, 1, tmp_path / "work", LIMITS)
    assert (entry.usages, entry.error) == ((), "failed on csv")


def test_late_rounds_are_left_out_but_not_the_first(cases, tmp_path):
    late = time.monotonic()
    (entry,) = race(cases["parquet"], [PYARROW], {}, 5, tmp_path / "work", LIMITS, late)
    assert len(entry.usages) == 1
