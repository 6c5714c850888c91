from types import SimpleNamespace
from typing import Any

import boto3
import pytest

from handlers.reconcile import handler
from pipeline import bootstrap
from pipeline.messages import CheckJob, parse
from pipeline.model import Job, Source, Status
from pipeline.store import PAGE, JobStore

CONTEXT: Any = SimpleNamespace(
    aws_request_id="request",
    function_name="reconcile",
    memory_limit_in_mb=128,
    invoked_function_arn="arn",
)
NOW = "2026-11-23T10:00:00.000Z"


@pytest.fixture
def work_queue(store: JobStore, monkeypatch: pytest.MonkeyPatch) -> str:
    """The queue's URL, in the environment of the function, as is the store's table."""
    for cached in (bootstrap.client, bootstrap.job_store):
        cached.cache_clear()
    url = str(boto3.client("sqs").create_queue(QueueName="work")["QueueUrl"])
    monkeypatch.setenv("JOBS_TABLE", "jobs")
    monkeypatch.setenv("WORK_QUEUE_URL", url)
    return url


def save(store: JobStore, job_id: str, status: Status) -> None:
    store.save(Job(job_id, status, Source("ingest", "input/a", "v1", NOW), NOW, NOW))


def checked(url: str) -> list[str]:
    sqs, found = boto3.client("sqs"), []
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            check = parse(message["Body"])
            assert isinstance(check, CheckJob)
            found.append(check.job_id)
    return sorted(found)


def test_every_job_that_has_not_ended_is_checked(store: JobStore, work_queue: str) -> None:
    for status in Status:
        save(store, status.lower(), status)
    handler({}, CONTEXT)
    assert checked(work_queue) == sorted(s.lower() for s in Status if not s.is_end)


def test_jobs_beyond_the_first_page_are_checked_too(store: JobStore, work_queue: str) -> None:
    for number in range(PAGE + 5):
        save(store, f"job-{number}", Status.PROCESSING)
    handler({}, CONTEXT)
    assert len(checked(work_queue)) == PAGE + 5


def test_a_queue_that_is_behind_is_given_no_more(
    store: JobStore, work_queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("handlers.reconcile.FEW", 1)
    save(store, "job", Status.PROCESSING)
    for _ in range(2):
        handler({}, CONTEXT)
    handler({}, CONTEXT)
    assert checked(work_queue) == ["job", "job"]
    handler({}, CONTEXT)
    assert checked(work_queue) == ["job"]
