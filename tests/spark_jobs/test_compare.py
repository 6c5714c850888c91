"""Each script, as spark-submit runs it."""

from __future__ import annotations

import runpy
import sys

import pytest

from spark_jobs import compare, dataframe_pipeline, job, rdd_pipeline


def run_script(module):
    runpy.run_path(module.__file__, run_name="__main__")


@pytest.mark.parametrize(
    ("script", "names"),
    [
        (compare, ["rdd", "dataframe"]),
        (rdd_pipeline, ["rdd"]),
        (dataframe_pipeline, ["dataframe"]),
    ],
    ids=["compare", "rdd", "dataframe"],
)
def test_a_script_hands_its_pipelines_over_and_exits_with_the_jobs_code(monkeypatch, script, names):
    handed = []

    def main(*pipelines):
        handed.extend(pipelines)
        return 7

    monkeypatch.setattr(job, "main", main)
    with pytest.raises(SystemExit) as exit_:
        run_script(script)
    assert exit_.value.code == 7
    assert [pipeline.name for pipeline in handed] == names
    assert [pipeline.summarise.__name__ for pipeline in handed] == ["summarise"] * len(names)


@pytest.mark.parametrize("arguments", [[], ["s3://a/b", "s3://a/c"]])
def test_a_script_takes_one_argument(monkeypatch, capsys, arguments):
    monkeypatch.setattr(sys, "argv", ["compare.py", *arguments])
    with pytest.raises(SystemExit) as exit_:
        run_script(compare)
    assert exit_.value.code == 2
    assert capsys.readouterr().err == "usage: spark-submit SCRIPT SPEC-URI\n"
