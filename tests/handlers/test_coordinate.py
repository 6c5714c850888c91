"""The coordinate handler: partial batch failures, and a fresh actor system each time."""

import time
from types import SimpleNamespace
from typing import Any

import boto3
import pytest

from handlers.coordinate import handler
from local.warm_up import EMPTY_EVENTS
from pipeline.dead_letters import DeadLetters
from pipeline.job_events import DatasetValidated
from pipeline.messages import CheckJob, to_body
from pipeline.model import Job
from pipeline.settings import MAX_RECEIVES, to_environment
from tests.actors.conftest import aws, moto_server, queued
from tests.actors.world import Aws

__all__ = ["aws", "moto_server", "queued"]

CONTEXT = SimpleNamespace(
    aws_request_id="request",
    function_name="coordinate",
    memory_limit_in_mb=128,
    invoked_function_arn="arn",
    get_remaining_time_in_millis=lambda: 60_000,
)


def sqs_event(*bodies: str, receives: int = 1) -> dict[str, Any]:
    return {
        "Records": [
            {
                "messageId": f"m{n}",
                "receiptHandle": "r",
                "body": body,
                "attributes": {
                    "ApproximateReceiveCount": str(receives),
                    "SentTimestamp": str(round(time.time() * 1000)),
                },
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn",
                "awsRegion": "us-east-1",
            }
            for n, body in enumerate(bodies)
        ]
    }


@pytest.fixture
def environment(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in to_environment(aws.settings).items():
        monkeypatch.setenv(name, value)


def test_only_the_messages_that_failed_come_back(environment: None, aws: Aws, queued: Job) -> None:
    event = sqs_event("nonsense", to_body(DatasetValidated("job")), "{}")
    answer = handler(event, CONTEXT)  # type: ignore[arg-type]
    failed = [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]
    assert failed == ["m0", "m2"]
    assert len(aws.batch_jobs()) == 1


def test_a_batch_that_fails_whole_is_reported_not_raised(environment: None, aws: Aws) -> None:
    answer = handler(sqs_event("nonsense"), CONTEXT)  # type: ignore[arg-type]
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m0"}]}


def test_what_is_given_up_is_buried_with_its_reason(environment: None, aws: Aws) -> None:
    sqs = boto3.client("sqs")
    event = sqs_event("nonsense", to_body(CheckJob("nobody")), receives=MAX_RECEIVES)
    answer = handler(event, CONTEXT)  # type: ignore[arg-type]
    assert answer == {"batchItemFailures": []}
    url = aws.settings.dead_letter_queue_url
    letters = DeadLetters(sqs, url, aws.settings.work_queue_url).listed(lambda _: True)
    reasons = {letter.body: letter.reason for letter in letters}
    assert "UnknownMessage" in reasons["nonsense"]
    assert reasons[to_body(CheckJob("nobody"))] == "JobNotFound: no job has the id 'nobody'"


def test_what_loads_the_function_gives_it_nothing_to_do(environment: None, aws: Aws) -> None:
    answer = handler(EMPTY_EVENTS["CoordinateFunction"], CONTEXT)  # type: ignore[arg-type]
    assert answer == {"batchItemFailures": []}
    assert aws.batch_jobs() == []
