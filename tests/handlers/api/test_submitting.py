"""Records that are posted to the HTTP API."""

import json
from typing import Any
from urllib.parse import urljoin

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from contracts.manifest import Options
from pipeline.bootstrap import job_store
from pipeline.dataset.options import parse_options
from pipeline.model import Source, Status
from pipeline.store import JobStore
from tests.handlers.api.calls import LATER, answering, assert_problem, call


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
