"""Whole jobs against an S3 in memory; most with pipelines that need no Spark."""

from __future__ import annotations

import hashlib
import sys
from dataclasses import replace
from datetime import datetime
from types import SimpleNamespace

import boto3
import pyarrow
import pytest
from botocore.exceptions import EndpointConnectionError

from contracts import outage
from contracts.codec import from_json, to_json
from contracts.layout import S3Uri
from contracts.marker import Marker, Outcome
from contracts.metrics import SparkTimings
from contracts.spec import SparkSpec
from contracts.storage import read_document
from contracts.summary import MOST_CORRELATED, Summary
from spark_jobs import dataframe_pipeline, job, rdd_pipeline, turns
from spark_jobs.job import Pipeline, main, run
from tests.spark_jobs.oracle import assert_agree, expected_summary

OUTPUT = "s3://results/results/my-job/attempts/spark-2/"
SPEC = SparkSpec("my-job", 2, ("s3://a/b",), ("x",), None, True, 1_234, OUTPUT)


class Recorder:
    """A client that remembers the order in which objects were put."""

    def __init__(self, s3):
        self.s3 = s3
        self.put = []

    def get_object(self, **arguments):
        return self.s3.get_object(**arguments)

    def put_object(self, **arguments):
        self.put.append(f"s3://{arguments['Bucket']}/{arguments['Key']}")
        return self.s3.put_object(**arguments)

    def body(self, name):
        place = S3Uri.parse(OUTPUT).join(name)
        return self.s3.get_object(Bucket=place.bucket, Key=place.key)["Body"].read()

    def names(self):
        return [uri.removeprefix(OUTPUT) for uri in self.put]

    def document(self, cls, name):
        return from_json(cls, self.body(name))

    def marker(self):
        return self.document(Marker, "_marker.json")


@pytest.fixture
def s3(aws):
    client = boto3.client("s3")
    client.create_bucket(Bucket="results")
    return Recorder(client)


@pytest.fixture
def stub_session(monkeypatch):
    """A session of four cores that came up in three seconds; the names it was opened with."""
    session = SimpleNamespace(sparkContext=SimpleNamespace(defaultParallelism=4), names=[])

    def open_session(name):
        session.names.append(name)
        return session

    monkeypatch.setattr(job, "open_session", open_session)
    monkeypatch.setattr(job, "seconds_since_start", lambda _: 3.0)
    return session


def summary_by(name):
    return Summary(name, 1_234, None, ("Łódź",), (), ((1.0,),))


def pipeline(name, error=None):
    def summarise(session, spec):
        if error:
            raise error
        return summary_by(name)

    return Pipeline(name, summarise)


BOTH = pipeline("rdd"), pipeline("dataframe")


def test_both_summaries_the_timings_and_then_the_marker_are_left(s3, stub_session):
    assert run(BOTH, SPEC, s3) == 0
    files = ["summary-rdd.json", "summary-dataframe.json", "timings.json"]
    assert s3.names() == [*files, "_marker.json"]
    assert s3.document(Summary, "summary-rdd.json") == summary_by("rdd")
    assert s3.document(Summary, "summary-dataframe.json") == summary_by("dataframe")
    assert stub_session.names == ["my-job spark-2"]


def test_the_marker_vouches_for_every_byte(s3, stub_session):
    run(BOTH, SPEC, s3)
    marker = s3.marker()
    assert (marker.job_id, marker.stage, marker.attempt) == ("my-job", "spark", 2)
    assert (marker.outcome, marker.warnings, marker.error) == (Outcome.SUCCEEDED, (), None)
    assert [file.name for file in marker.files] == s3.names()[:-1]
    for file in marker.files:
        body = s3.body(file.name)
        assert (file.size_bytes, file.sha256) == (len(body), hashlib.sha256(body).hexdigest())
    started, finished = map(datetime.fromisoformat, (marker.started_at, marker.finished_at))
    assert started <= finished
    assert started.utcoffset().total_seconds() == 0
    assert marker.started_at.endswith("Z")


def test_the_timings_of_both_and_of_the_start(s3, stub_session):
    run(BOTH, SPEC, s3)
    timings = s3.document(SparkTimings, "timings.json")
    assert (timings.rows, timings.cores, timings.startup_seconds) == (1_234, 4, 3.0)
    assert timings.warm_up_seconds > 0
    for of_one in (timings.rdd, timings.dataframe):
        assert len(of_one.seconds) == turns.MOST_TURNS
        assert of_one.error is None


@pytest.mark.parametrize(("name", "other"), [("rdd", "dataframe"), ("dataframe", "rdd")])
def test_a_single_pipeline_runs_once_and_is_not_compared(s3, stub_session, name, other):
    runs = []
    only = Pipeline(name, lambda session, spec: runs.append((session, spec)) or summary_by(name))
    assert run([only], SPEC, s3) == 0
    assert runs == [(stub_session, SPEC)]
    assert s3.names() == [f"summary-{name}.json", "timings.json", "_marker.json"]
    timings = s3.document(SparkTimings, "timings.json")
    assert len(getattr(timings, name).seconds) == 1
    assert getattr(timings, other) is None
    assert timings.warm_up_seconds == 0.0


@pytest.mark.parametrize(("failing", "other"), [("rdd", "dataframe"), ("dataframe", "rdd")])
def test_one_that_fails_leaves_the_others_result_and_a_warning(s3, stub_session, failing, other):
    pipelines = [
        pipeline(name, MemoryError("too big\nreally") if name == failing else None)
        for name in ("rdd", "dataframe")
    ]
    assert run(pipelines, SPEC, s3) == 0
    assert s3.names() == [f"summary-{other}.json", "timings.json", "_marker.json"]
    marker = s3.marker()
    assert marker.outcome is Outcome.SUCCEEDED
    assert marker.warnings == (f"the {failing} pipeline failed: MemoryError: too big",)
    timings = s3.document(SparkTimings, "timings.json")
    assert getattr(timings, failing).error == "MemoryError: too big"
    assert getattr(timings, failing).seconds == ()
    assert len(getattr(timings, other).seconds) >= turns.FEWEST_TURNS


@pytest.mark.parametrize("names", [["rdd", "dataframe"], ["rdd"], ["dataframe"]])
def test_when_all_fail_nothing_is_left_and_the_exit_code_says_so(s3, stub_session, capsys, names):
    failing = [pipeline(name, ValueError(f"no {name}")) for name in names]
    assert run(failing, SPEC, s3) == 1
    assert s3.names() == []
    told = capsys.readouterr()
    said = [line for line in told.out.splitlines() if "failed" in line]
    assert said == [f"{name} failed: ValueError: no {name}" for name in names]
    assert told.err.splitlines() == [f"ValueError: no {name}" for name in names]


def test_when_s3_fails_both_the_exit_code_says_that_another_attempt_may_succeed(s3, stub_session):
    lost = EndpointConnectionError(endpoint_url="https://s3")
    for other in (lost, ValueError("a bug")):
        failing = [pipeline("rdd", other), pipeline("dataframe", lost)]
        assert run(failing, SPEC, s3) == outage.EXIT
    assert s3.names() == []


def test_columns_without_correlations_are_warned_of(s3, stub_session):
    columns = tuple(f"c{index}" for index in range(MOST_CORRELATED))
    run(BOTH, replace(SPEC, columns=columns), s3)
    assert s3.marker().warnings == ()
    run(BOTH, replace(SPEC, columns=(*columns, "one more")), s3)
    assert s3.marker().warnings == ("Correlations are given of the first 100 of the 101 columns.",)


def test_without_the_marker_an_attempt_that_cannot_write_has_no_result(s3, stub_session):
    with pytest.raises(s3.s3.exceptions.NoSuchBucket):
        run(BOTH, replace(SPEC, output="s3://nowhere/results/"), s3)


@pytest.mark.parametrize("scheme", ["s3", "file"])
def test_the_spec_is_read_from_the_uri_that_is_the_argument(
    s3, stub_session, tmp_path, monkeypatch, scheme
):
    text = to_json(SPEC).encode()
    if scheme == "s3":
        s3.s3.put_object(Bucket="results", Key="spec.json", Body=text)
        uri = "s3://results/spec.json"
    else:
        (tmp_path / "spec 1.json").write_bytes(text)
        uri = (tmp_path / "spec 1.json").as_uri()
    monkeypatch.setattr(sys, "argv", ["compare.py", uri])
    seen = []
    only = Pipeline("rdd", lambda session, spec: seen.append(spec) or summary_by("rdd"))
    assert main(only) == 0
    assert seen == [SPEC]
    assert s3.marker().outcome is Outcome.SUCCEEDED


def test_the_real_pipelines_in_the_real_session(s3, spark_session, spec_of, monkeypatch):
    monkeypatch.setattr(turns, "TIMED_SECONDS", 0.0)
    table = pyarrow.table({"x": [0.5, None, -3.5], "y": [1.0, 2.0, 4.5], "g": ["a", "b", "a"]})
    spec = replace(spec_of(table, group_by="g"), output=OUTPUT)
    pipelines = [
        Pipeline("rdd", rdd_pipeline.summarise),
        Pipeline("dataframe", dataframe_pipeline.summarise),
    ]
    assert run(pipelines, spec, s3) == 0
    assert s3.marker().warnings == ()
    expected = expected_summary(spec, table, table["g"].to_pylist())
    for name in ("rdd", "dataframe"):
        assert_agree(read_document(Summary, f"{OUTPUT}summary-{name}.json", s3), expected)
    timings = s3.document(SparkTimings, "timings.json")
    assert timings.cores == spark_session.sparkContext.defaultParallelism
    assert min(timings.rdd.seconds + timings.dataframe.seconds) > 0
