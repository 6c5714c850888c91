"""The HTTP API, called with the events that AWS sends, over moto's tables and buckets."""

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any
from urllib.parse import urljoin

import boto3
import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from moto import mock_aws

from contracts.manifest import Column, Format, Manifest, Options, SourceObject
from contracts.storage import read_document, write_document
from handlers import stored_report
from handlers.api import handler
from pipeline.bootstrap import client, job_store
from pipeline.dataset.options import parse_options
from pipeline.dead_letters import DeadLetters
from pipeline.job_events import CancelRequested, DatasetValidated
from pipeline.messages import CheckJob, parse, to_body
from pipeline.model import Attempt, AttemptState, Job, Source, Stage, Status, Totals
from pipeline.settings import ApiSettings, to_environment
from pipeline.store import JobStore

SETTINGS = ApiSettings("jobs", "ingest", "results", "work", "dead", "us-east-1")
CONTEXT = SimpleNamespace(
    aws_request_id="request",
    function_name="api",
    memory_limit_in_mb=128,
    invoked_function_arn="arn",
)
TIME = "2026-11-23T10:00:00.000Z"
LATER = "2026-11-23T10:00:20.000Z"


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


def call(method: str, path: str, body: str | bytes | None = None, **query: str) -> Answer:
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"content-type": "application/json"},
        "requestContext": {"stage": "$default", "http": {"method": method, "path": path}},
        "isBase64Encoded": isinstance(body, bytes),
    }
    if body is not None:
        event["body"] = base64.b64encode(body).decode() if isinstance(body, bytes) else body
    if query:
        event["queryStringParameters"] = query
    answer = handler(event, CONTEXT)  # type: ignore[arg-type]
    return Answer(answer["statusCode"], answer["headers"], answer["body"])


def assert_problem(answer: Answer, status: int, *words: str) -> None:
    assert answer.status == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = answer.json
    assert set(problem) == {"type", "title", "status", "detail", "instance"}
    assert problem["status"] == status
    for word in words:
        assert word in problem["detail"]


def finished(job_id: str) -> Job:
    attempt = Attempt(
        Stage.ANALYZE, 1, AttemptState.SUCCEEDED, TIME, started_at=TIME, finished_at=LATER
    )
    totals = Totals(3, 1.5, 99.0, 0.1, 0.03, None, None, "one pipeline ran")
    source = Source("ingest", f"input/{job_id}.csv", "v1", TIME, 10, "csv", 1)
    return Job(
        job_id,
        Status.COMPLETED,
        source,
        TIME,
        LATER,
        attempts=(attempt,),
        totals=totals,
    )


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in to_environment(SETTINGS).items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="module")
def dynamodb() -> Any:
    with mock_aws():
        return boto3.resource("dynamodb", region_name="us-east-1")


@pytest.fixture
def store(aws: None, dynamodb: Any, make_jobs_table: Callable[[Any], Any]) -> JobStore:
    return JobStore(make_jobs_table(dynamodb))


@pytest.fixture
def s3(store: JobStore) -> Any:
    """The handler's own client, with both buckets there."""
    s3 = client("s3")
    for bucket in ("ingest", "results"):
        s3.create_bucket(Bucket=bucket)
    return s3


def put_report(s3: Any, job_id: str, columns: dict[str, Any]) -> None:
    report = {
        "metrics": {
            "normalize": {"records": 3, "columns": columns},
            "quality": {
                "score": 99.0,
                "outlier_shares": dict.fromkeys(columns, 0.0),
                "constant_columns": [],
                "empty_columns": [],
            },
        },
        "cost": {"total_usd": 0.1},
    }
    body = json.dumps(report).encode()
    s3.put_object(Bucket="results", Key=f"results/{job_id}/report.json", Body=body)


@contextmanager
def answering(s3: Any, event: str, error: Exception) -> Iterator[None]:
    """A client whose calls come to `error`."""

    def answer(**_: Any) -> None:
        raise error

    s3.meta.events.register(event, answer)
    try:
        yield
    finally:
        s3.meta.events.unregister(event, answer)


def test_a_completed_job_is_shown_with_its_report(store: JobStore, s3: Any) -> None:
    store.save(finished("trips"))
    put_report(s3, "trips", {"fare": {"mean": 1.0}})

    answer = call("GET", "/jobs/trips")

    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/json"
    document = answer.json
    assert document["status"] == "COMPLETED"
    assert document["records_processed"] == 3
    assert document["metrics"]["normalize"]["columns"] == {"fare": {"mean": 1.0}}
    assert document["cost"] == {"total_usd": 0.1}
    assert document["warnings"] == []


def test_a_job_with_the_result_of_another_shows_that_ones_report_and_no_cost(
    store: JobStore, s3: Any
) -> None:
    origin = store.save(finished("origin"))
    put_report(s3, "origin", {"fare": {"mean": 1.0}})
    queued = replace(finished("again"), status=Status.QUEUED, attempts=(), totals=None)
    store.save(queued.with_result_of(origin, ("a row was kept aside",), LATER))

    document = call("GET", "/jobs/again").json

    assert (document["status"], document["reused_from"]) == ("COMPLETED", "origin")
    assert document["metrics"]["normalize"]["columns"] == {"fare": {"mean": 1.0}}
    assert (document["cost"], document["spent_usd"]) == (None, 0)
    assert document["warnings"] == ["a row was kept aside"]
    assert {stage["origin"] for stage in document["stages"]} == {"origin"}
    results = document["results"]
    assert results
    assert all("/results/origin/" in uri for uri in results.values() if "manifest" not in uri)


def test_a_report_that_was_deleted_is_told_of(store: JobStore, s3: Any) -> None:
    store.save(finished("trips"))
    answer = call("GET", "/jobs/trips")
    assert answer.status == 200
    assert answer.json["metrics"] is None
    assert "deleted" in answer.json["warnings"][-1]


def test_a_report_too_long_for_lambda_loses_its_columns_and_says_so(
    store: JobStore, s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_report, "MAX_SHOWN_BYTES", 1000)
    store.save(finished("wide").with_warnings(tuple(f"warning {n}" for n in range(100))))
    put_report(s3, "wide", {f"column {n}": {"mean": 1.0} for n in range(100)})

    document = call("GET", "/jobs/wide").json

    assert document["metrics"]["normalize"] == {"records": 3, "columns": None}
    assert document["metrics"]["quality"]["score"] == 99.0
    assert document["metrics"]["quality"]["outlier_shares"] is None
    assert "s3://results/results/wide/report.json" in document["warnings"][-1]


def test_a_report_that_nobody_can_read_at_once_is_only_pointed_at(
    store: JobStore, s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_report, "MAX_READ_BYTES", 10)
    store.save(finished("wide"))
    put_report(s3, "wide", {})

    document = call("GET", "/jobs/wide").json

    assert document["metrics"] is None
    assert "s3://results/results/wide/report.json" in document["warnings"][0]


@pytest.mark.parametrize("job_id", ["nobody", "a b", "ä", "..", "%2e%2e", "x" * 3000])
def test_an_unknown_job_is_not_found(store: JobStore, job_id: str) -> None:
    answer = call("GET", f"/jobs/{job_id}")

    assert_problem(answer, 404)
    assert answer.json["instance"] == f"/jobs/{job_id}"


@pytest.mark.parametrize("odd", ['a"b', "a#b", "a`b", "a\\b", "a?b", "a^b", "a\tb"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_an_id_of_characters_that_no_route_takes_is_not_found_either(
    store: JobStore, method: str, odd: str
) -> None:
    answer = call(method, f"/jobs/{odd}")

    assert answer.status == 404
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert call("DELETE", f"/jobs/{odd}").status == 405


@pytest.mark.parametrize("path", ["/", "/job", "/jobs/a/b"])
def test_an_unknown_path_is_not_found(path: str) -> None:
    assert_problem(call("GET", path), 404)


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("DELETE", "/jobs", "GET, HEAD, OPTIONS, POST"),
        ("GET", "/process", "OPTIONS, POST"),
        ("POST", "/jobs/trips", "GET, HEAD, OPTIONS"),
    ],
)
def test_another_method_is_refused_with_those_that_are_allowed(
    method: str, path: str, allow: str
) -> None:
    answer = call(method, path)

    assert_problem(answer, 405, method, allow)
    assert answer.headers["Allow"] == allow


def test_options_tells_the_methods() -> None:
    answer = call("OPTIONS", "/jobs")

    assert answer.status == 204
    assert answer.headers["Allow"] == "GET, HEAD, OPTIONS, POST"


@pytest.mark.parametrize(("job_id", "status"), [("trips", 200), ("nobody", 404)])
def test_head_answers_like_get_without_a_body(store: JobStore, job_id: str, status: int) -> None:
    store.save(replace(finished("trips"), status=Status.FAILED))

    answer = call("HEAD", f"/jobs/{job_id}")

    assert answer.status == status
    assert answer.text == ""


def test_jobs_are_listed_newest_first_page_by_page(store: JobStore) -> None:
    for number in range(3):
        store.save(replace(finished(f"job-{number}"), created_at=f"2026-11-23T10:00:0{number}Z"))

    first = call("GET", "/jobs", limit="2").json
    second = call("GET", "/jobs", limit="2", next=first["next"]).json

    assert [job["job_id"] for job in first["jobs"]] == ["job-2", "job-1"]
    assert [job["job_id"] for job in second["jobs"]] == ["job-0"]
    assert second["next"] is None
    assert first["jobs"][0]["metrics"] is None


def test_jobs_are_listed_by_status_and_by_source(store: JobStore) -> None:
    store.save(finished("done"))
    store.save(replace(finished("broken"), status=Status.FAILED))

    failed = call("GET", "/jobs", status="FAILED").json["jobs"]
    of_done = call("GET", "/jobs", source="input/done.csv").json["jobs"]
    neither = call("GET", "/jobs", status="FAILED", source="input/done.csv").json["jobs"]

    assert [job["job_id"] for job in failed] == ["broken"]
    assert [job["job_id"] for job in of_done] == ["done"]
    assert neither == []


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ({"status": "DONE"}, "COMPLETED"),
        ({"limit": "0"}, "1 to 100"),
        ({"limit": "101"}, "1 to 100"),
        ({"limit": "²"}, "1 to 100"),
        ({"limit": "many"}, "1 to 100"),
        ({"next": "nonsense"}, "next"),
        ({"stauts": "FAILED"}, "stauts"),
    ],
)
def test_a_query_that_cannot_be_answered_is_refused(
    store: JobStore, query: dict[str, str], word: str
) -> None:
    assert_problem(call("GET", "/jobs", **query), 400, word)


@pytest.mark.parametrize("path", ["/jobs", "/process"])
def test_posted_records_become_a_submitted_job_and_an_upload(
    store: JobStore, s3: Any, path: str
) -> None:
    records = [{"price": 1.5, "city": "Zürich"}, {"price": None, "city": "Bern"}]
    config = {
        "gpu_enabled": False,
        "compare_pipelines": False,
        "store_results": False,
        "columns": ["price", "größe, cm"],
        "group_by": "city",
        "dtype": "float32",
    }
    body = json.dumps({"data": records, "processing_config": config, "job_id": "mine"})

    answer = call("POST", path, body)

    assert answer.status == 202
    assert answer.json == {"job_id": "mine", "status": "SUBMITTED", "status_url": "/jobs/mine"}
    assert urljoin(f"https://host/stage{path}", answer.headers["Location"]) == (
        "https://host/stage/jobs/mine"
    )
    job = store.get("mine")
    stored = s3.get_object(Bucket="ingest", Key="input/inline/mine.jsonl")
    lines = stored["Body"].read()
    assert [json.loads(line) for line in lines.decode().splitlines()] == records
    assert job.source == Source(
        "ingest", "input/inline/mine.jsonl", None, job.created_at, len(lines)
    )
    assert job.options == Options(
        ("price", "größe, cm"), (), "city", False, False, "float32", False
    )
    assert parse_options(stored["Metadata"]) == job.options
    assert stored["Metadata"]["job-id"] == "mine"
    assert call("GET", answer.json["status_url"]).json["status"] == "SUBMITTED"


def test_records_without_an_id_get_one_of_their_own(store: JobStore, s3: Any) -> None:
    body = json.dumps({"data": [{"x": 1}]})

    ids = [call("POST", "/jobs", body).json["job_id"] for _ in range(2)]

    assert ids[0] != ids[1]
    assert all(store.get(job_id).status is Status.SUBMITTED for job_id in ids)


def test_a_body_that_arrives_in_base64_is_understood(s3: Any) -> None:
    assert call("POST", "/jobs", b'{"data": [{"x": 1}]}').status == 202


def test_bytes_that_are_no_utf_8_are_refused(store: JobStore) -> None:
    assert_problem(call("POST", "/jobs", b'{"data": [{"x": "K\xf6ln"}]}'), 400, "UTF-8")


def test_whole_numbers_keep_all_their_digits(s3: Any) -> None:
    body = '{"data": [{"x": 9007199254740993}], "job_id": "exact"}'

    assert call("POST", "/jobs", body).status == 202

    stored = s3.get_object(Bucket="ingest", Key="input/inline/exact.jsonl")
    assert stored["Body"].read() == b'{"x": 9007199254740993}\n'


MINE = '{"data": [{"x": 1}], "job_id": "mine"}'


@pytest.mark.parametrize(
    "other",
    [
        '{"data": [{"x": 2}], "job_id": "mine"}',
        '{"data": [{"x": 10}], "job_id": "mine"}',
        '{"data": [{"x": 1}], "job_id": "mine", "processing_config": {"dtype": "float32"}}',
    ],
)
def test_a_taken_job_id_is_a_conflict_and_uploads_nothing(s3: Any, other: str) -> None:
    call("POST", "/jobs", MINE)

    assert_problem(call("POST", "/jobs", other), 409, "'mine'")
    stored = s3.get_object(Bucket="ingest", Key="input/inline/mine.jsonl")["Body"].read()
    assert stored == b'{"x": 1}\n'


@pytest.mark.parametrize("is_stored", [True, False])
def test_the_same_request_again_is_about_the_same_job(
    store: JobStore, s3: Any, is_stored: bool
) -> None:
    call("POST", "/jobs", MINE)
    if not is_stored:
        s3.delete_object(Bucket="ingest", Key="input/inline/mine.jsonl")

    assert call("POST", "/jobs", MINE).status == 202
    stored = s3.get_object(Bucket="ingest", Key="input/inline/mine.jsonl")["Body"].read()
    assert stored == b'{"x": 1}\n'
    (job,) = store.list().jobs
    store.save(job.advance(Status.FAILED, LATER))
    assert call("POST", "/jobs", MINE).json["status"] == "FAILED"
    s3.delete_object(Bucket="ingest", Key="input/inline/mine.jsonl")
    assert_problem(call("POST", "/jobs", MINE), 409, "'mine'")


def test_the_options_of_a_post_are_those_that_validation_will_read(
    store: JobStore, s3: Any
) -> None:
    config = {"columns": ["x", "x", " y"], "group_by": "city "}
    body = {"data": [{"x": 1}], "job_id": "mine", "processing_config": config}
    assert call("POST", "/jobs", json.dumps(body)).status == 202
    options = store.get("mine").options
    assert (options.columns, options.group_by) == (("x", "y"), "city")


def test_a_body_that_cannot_be_worked_with_leaves_no_job(store: JobStore) -> None:
    assert_problem(call("POST", "/jobs", '{"data": []}'), 400, "at least one")
    assert_problem(call("POST", "/jobs"), 400, "not JSON")
    assert store.list().jobs == ()


def test_a_failed_upload_fails_the_job_and_tells_nothing_of_our_insides(
    store: JobStore, s3: Any
) -> None:
    s3.delete_bucket(Bucket="ingest")

    answer = call("POST", "/jobs", '{"data": [{"x": 1}], "job_id": "mine"}')

    assert_problem(answer, 500)
    assert "Bucket" not in answer.text and "Traceback" not in answer.text
    job = store.get("mine")
    assert job.status is Status.FAILED
    assert job.error is not None and job.error.code == "upload_failed"


@pytest.mark.parametrize("is_stored", [True, False])
def test_records_that_may_have_been_stored_leave_the_job_to_validation(
    store: JobStore, s3: Any, is_stored: bool, caplog: pytest.LogCaptureFixture
) -> None:
    lost = "after-call" if is_stored else "before-call"
    with answering(s3, f"{lost}.s3.PutObject", ReadTimeoutError(endpoint_url="s3")):
        answer = call("POST", "/jobs", '{"data": [{"x": 1}], "job_id": "mine"}')

    assert_problem(answer, 503, "GET /jobs/mine", "FAILED")
    assert "ReadTimeoutError" in caplog.text
    assert store.get("mine").status is Status.SUBMITTED
    assert ("Contents" in s3.list_objects_v2(Bucket="ingest")) is is_stored


@pytest.mark.parametrize(
    "metadata", [{"RetryAttempts": 3, "HTTPStatusCode": 403}, {"HTTPStatusCode": 503}]
)
def test_a_refusal_that_may_be_none_leaves_the_job_to_validation_too(
    store: JobStore, s3: Any, metadata: dict[str, int]
) -> None:
    response = {"Error": {"Code": "Odd", "Message": ""}, "ResponseMetadata": metadata}
    with answering(s3, "before-call.s3.PutObject", ClientError(response, "PutObject")):  # type: ignore[arg-type]
        answer = call("POST", "/jobs", '{"data": [{"x": 1}], "job_id": "mine"}')

    assert_problem(answer, 503, "GET /jobs/mine")
    assert store.get("mine").status is Status.SUBMITTED


def test_a_record_whose_save_was_answered_too_late_is_no_conflict(store: JobStore, s3: Any) -> None:
    table_client = job_store("jobs")._table.meta.client
    tries = []

    def lose_the_first_answer(response: Any, **_: Any) -> int | None:
        tries.append(response)
        return 0 if len(tries) == 1 else None

    event = "needs-retry.dynamodb.PutItem"
    table_client.meta.events.register_first(event, lose_the_first_answer)
    try:
        answer = call("POST", "/jobs", '{"data": [{"x": 1}], "job_id": "mine"}')
    finally:
        table_client.meta.events.unregister(event, lose_the_first_answer)

    assert len(tries) == 2
    assert answer.status == 202
    assert "Contents" in s3.list_objects_v2(Bucket="ingest")


def test_a_missing_setting_is_an_internal_error_that_names_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("JOBS_TABLE")

    answer = call("GET", "/jobs")

    assert_problem(answer, 500)
    assert "JOBS_TABLE" not in answer.text


@pytest.fixture
def work_queue(aws: None, monkeypatch: pytest.MonkeyPatch) -> str:
    url = str(boto3.client("sqs").create_queue(QueueName="work")["QueueUrl"])
    monkeypatch.setenv("WORK_QUEUE_URL", url)
    return url


def under_way(job_id: str) -> Job:
    source = Source("ingest", f"input/{job_id}.csv", "v1", TIME)
    return Job(job_id, Status.PROCESSING, source, TIME, TIME)


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
