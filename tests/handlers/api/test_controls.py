"""What people do about jobs over HTTP: cancel, rerun, look after bad rows and dead letters."""

import json
from dataclasses import replace
from typing import Any

import boto3
import pytest

from contracts.manifest import Column, Format, Manifest, SourceObject
from contracts.storage import read_document, write_document
from pipeline.bootstrap import client
from pipeline.dead_letters import DeadLetters
from pipeline.job_events import CancelRequested, DatasetValidated
from pipeline.messages import CheckJob, parse, to_body
from pipeline.model import Attempt, AttemptState, Job, Stage, Status
from pipeline.store import JobStore
from tests.handlers.api.calls import LATER, TIME, assert_problem, call, finished, under_way


@pytest.fixture
def work_queue(aws: None, monkeypatch: pytest.MonkeyPatch) -> str:
    url = str(boto3.client("sqs").create_queue(QueueName="work")["QueueUrl"])
    monkeypatch.setenv("WORK_QUEUE_URL", url)
    return url


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (None, "no reason was given"),
        ("{}", "no reason was given"),
        ('{"reason": "wrong"}', "wrong"),
    ],
)
def test_cancelling_tells_the_coordinator(
    store: JobStore, work_queue: str, body: str | None, reason: str
) -> None:
    store.save(under_way("trips"))
    answer = call("POST", "/jobs/trips/cancel", body)
    assert (answer.status, answer.json["status"]) == (202, "PROCESSING")
    (message,) = boto3.client("sqs").receive_message(QueueUrl=work_queue)["Messages"]
    request = parse(message["Body"])
    assert isinstance(request, CancelRequested)
    assert (request.job_id, request.reason) == ("trips", reason)


def test_what_has_ended_cannot_be_cancelled(store: JobStore, work_queue: str) -> None:
    store.save(finished("trips"))
    assert_problem(call("POST", "/jobs/trips/cancel"), 409, "COMPLETED")
    assert_problem(call("POST", "/jobs/nobody/cancel"), 404, "nobody")
    assert "Messages" not in boto3.client("sqs").receive_message(QueueUrl=work_queue)


@pytest.mark.parametrize(
    "body",
    [
        *('{"reason": 1}', '{"why": "x"}', "[]", "no JSON", '{"reason": "\\ud800"}'),
        json.dumps({"reason": "x" * 501}),
    ],
)
def test_a_cancellation_that_is_not_understood_is_refused(
    store: JobStore, work_queue: str, body: str
) -> None:
    store.save(under_way("trips"))
    assert_problem(call("POST", "/jobs/trips/cancel", body), 400)


def test_to_cancel_what_is_cancelled_is_no_error(store: JobStore, work_queue: str) -> None:
    store.save(under_way("trips").advance(Status.CANCELLED, LATER))
    answer = call("POST", "/jobs/trips/cancel")
    assert (answer.status, answer.json["status"]) == (202, "CANCELLED")
    assert "Messages" not in boto3.client("sqs").receive_message(QueueUrl=work_queue)


def test_only_post_cancels(store: JobStore) -> None:
    answer = call("GET", "/jobs/trips/cancel")
    assert_problem(answer, 405, "POST")
    assert answer.headers["Allow"] == "OPTIONS, POST"


def test_the_history_is_told_line_by_line(store: JobStore) -> None:
    store.save(under_way("trips").advance(Status.ANALYZING, LATER))
    answer = call("GET", "/jobs/trips/history")
    line = {"at": LATER, "subject": "job", "event": "ANALYZING", "detail": ""}
    assert answer.json == {"job_id": "trips", "history": [line]}
    assert_problem(call("GET", "/jobs/nobody/history"), 404, "nobody")


@pytest.fixture
def failed_job(store: JobStore) -> Job:
    """A job that failed in Spark, and its manifest."""
    client("s3").create_bucket(Bucket="results")
    manifest = Manifest(
        job_id="trips",
        bucket="ingest",
        files=(SourceObject("input/trips.csv", "v1", 10),),
        format=Format.CSV,
        columns=(Column("x", "double"),),
        normalize=("x",),
    )
    write_document(manifest, "s3://results/results/trips/manifest.json", client("s3"))
    attempts = tuple(
        Attempt(stage, 1, state, TIME)
        for stage, state in (
            (Stage.VALIDATE, AttemptState.SUCCEEDED),
            (Stage.NORMALIZE, AttemptState.SUCCEEDED),
            (Stage.SPARK, AttemptState.FAILED),
        )
    )
    return store.save(replace(under_way("trips"), status=Status.FAILED, attempts=attempts))


@pytest.mark.parametrize(("body", "reused"), [(None, 2), ('{"whole": true}', 1)])
def test_a_rerun_is_a_new_job_with_a_manifest_of_its_own(
    store: JobStore, work_queue: str, failed_job: Job, body: str | None, reused: int
) -> None:
    answer = call("POST", "/jobs/trips/rerun", body)
    assert (answer.status, answer.json["job_id"]) == (202, "trips-rerun-1")
    assert answer.headers["Location"] == "../trips-rerun-1"
    rerun = store.get("trips-rerun-1")
    assert (rerun.status, rerun.rerun_of, len(rerun.attempts)) == (Status.QUEUED, "trips", reused)
    place = "s3://results/results/trips-rerun-1/manifest.json"
    assert read_document(Manifest, place, client("s3")).job_id == "trips-rerun-1"
    (message,) = boto3.client("sqs").receive_message(QueueUrl=work_queue)["Messages"]
    assert parse(message["Body"]) == DatasetValidated("trips-rerun-1")
    assert call("POST", "/jobs/trips/rerun", body).json["job_id"] == "trips-rerun-1"
    other = None if body else '{"whole": true}'
    assert call("POST", "/jobs/trips/rerun", other).json["job_id"] == "trips-rerun-2"
    store.save(store.get("trips-rerun-1").advance(Status.FAILED, LATER))
    assert call("POST", "/jobs/trips/rerun", body).json["job_id"] == "trips-rerun-3"
    told = [line.detail for line in store.get("trips").history if line.event == "rerun"]
    assert told == ["trips-rerun-1", "trips-rerun-2", "trips-rerun-3"]
    assert call("GET", "/jobs/trips-rerun-1").json["rerun_of"] == "trips"


def test_what_cannot_be_rerun_says_why(store: JobStore, work_queue: str) -> None:
    store.save(under_way("running"))
    store.save(replace(under_way("unread"), status=Status.REJECTED))
    assert_problem(call("POST", "/jobs/running/rerun"), 409, "PROCESSING", "cancel")
    assert_problem(call("POST", "/jobs/unread/rerun"), 409, "upload the data again")
    assert_problem(call("POST", "/jobs/nobody/rerun"), 404, "nobody")
    assert_problem(call("POST", "/jobs/running/rerun", '{"whole": 1}'), 400, "true or false")


def test_a_rerun_leaves_the_manifest_of_another_alone(
    store: JobStore, work_queue: str, failed_job: Job
) -> None:
    place = {"Bucket": "results", "Key": "results/trips-rerun-1/manifest.json"}
    client("s3").put_object(**place, Body=b"of a job that is on its way")
    assert call("POST", "/jobs/trips/rerun").json["job_id"] == "trips-rerun-2"
    assert client("s3").get_object(**place)["Body"].read() == b"of a job that is on its way"


def test_a_rerun_without_a_manifest_says_why(
    store: JobStore, work_queue: str, failed_job: Job
) -> None:
    client("s3").delete_object(Bucket="results", Key="results/trips/manifest.json")
    assert_problem(call("POST", "/jobs/trips/rerun"), 409, "upload the data again")


def test_rows_kept_aside_come_page_by_page(store: JobStore, failed_job: Job) -> None:
    rows = [{"file": "a.csv", "line": n, "reason": "bad", "text": "ü" * 9_000} for n in range(150)]
    body = "".join(json.dumps(row) + "\n" for row in rows).encode()
    key = "results/trips/attempts/normalize-1/quarantine/rows.jsonl"
    client("s3").put_object(Bucket="results", Key=key, Body=body)
    found: list[Any] = []
    query: dict[str, str] = {"limit": "40"}
    while True:
        answer = call("GET", "/jobs/trips/quarantine", **query)
        assert answer.status == 200
        assert 0 < len(answer.json["rows"]) <= 40
        assert len(answer.text) < 2 << 20
        found += answer.json["rows"]
        if answer.json["next"] is None:
            break
        query["next"] = answer.json["next"]
    assert found == rows


def test_a_job_without_bad_rows_has_none_to_show(store: JobStore, failed_job: Job) -> None:
    store.save(finished("clean"))
    for job_id in ("trips", "clean"):
        assert call("GET", f"/jobs/{job_id}/quarantine").json["rows"] == []
    assert_problem(call("GET", "/jobs/trips/quarantine", next="x"), 400, "next")
    assert_problem(call("GET", "/jobs/nobody/quarantine"), 404, "nobody")


@pytest.fixture
def letters(work_queue: str, monkeypatch: pytest.MonkeyPatch) -> DeadLetters:
    sqs = boto3.client("sqs")
    url = str(sqs.create_queue(QueueName="dead")["QueueUrl"])
    monkeypatch.setenv("DEAD_LETTER_QUEUE_URL", url)
    found = DeadLetters(sqs, url, work_queue)
    for job_id in ("a", "b"):
        found.bury(to_body(CheckJob(job_id)), "the reason")
    return found


def test_dead_letters_are_told_with_their_reasons(letters: DeadLetters) -> None:
    (letter,) = call("GET", "/dead-letters", job_id="a").json["dead_letters"]
    assert (letter["kind"], letter["job_id"], letter["reason"]) == ("CheckJob", "a", "the reason")
    assert len(call("GET", "/dead-letters").json["dead_letters"]) == 2
    assert call("GET", "/dead-letters", kind="aws.batch").json["dead_letters"] == []


def test_dead_letters_are_sent_again_unless_it_is_a_dry_run(
    store: JobStore, letters: DeadLetters
) -> None:
    store.save(under_way("b"))
    dry = call("POST", "/dead-letters/redrive", '{"kind": "CheckJob", "dry_run": true}')
    assert (dry.json["dry_run"], len(dry.json["dead_letters"])) == (True, 2)
    assert store.get("b").history == ()
    done = call("POST", "/dead-letters/redrive", '{"job_id": "b", "kind": null}')
    assert [letter["job_id"] for letter in done.json["dead_letters"]] == ["b"]
    assert [letter.job_id for letter in letters.listed(lambda _: True)] == ["a"]
    told = [(line.event, line.detail) for line in store.get("b").history]
    assert told == [("redriven", "CheckJob")]


@pytest.mark.parametrize("body", ['{"job": "a"}', '{"job_id": 1}', '{"dry_run": "yes"}'])
def test_a_redrive_that_is_not_understood_sends_nothing(letters: DeadLetters, body: str) -> None:
    assert_problem(call("POST", "/dead-letters/redrive", body), 400)
    assert len(letters.listed(lambda _: True)) == 2
