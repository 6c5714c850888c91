import json
from typing import Any

import boto3
import pytest

from contracts.codec import to_plain
from pipeline.dead_letters import DeadLetter, DeadLetters
from pipeline.messages import CheckJob, DatasetArriving, to_body

BATCH = json.dumps(
    {"source": "aws.batch", "detail": {"jobName": "bigdata-trips--normalize-1", "jobId": "1"}}
)
ARRIVING = DatasetArriving("trips", "ingest", "datasets/t/_SUCCESS", "v1", "", "2026-11-23")
FAILED = json.dumps({"requestPayload": {"settle": to_plain(ARRIVING)}})


@pytest.fixture
def queues(aws: None) -> tuple[Any, str, str]:
    sqs = boto3.client("sqs")
    return sqs, *(str(sqs.create_queue(QueueName=n)["QueueUrl"]) for n in ("dead", "work"))


@pytest.fixture
def letters(queues: tuple[Any, str, str]) -> DeadLetters:
    return DeadLetters(*queues)


def every(_: DeadLetter) -> bool:
    return True


@pytest.mark.parametrize(
    ("body", "kind", "job_id"),
    [
        (to_body(CheckJob("trips")), "CheckJob", "trips"),
        (BATCH, "aws.batch", "trips"),
        (json.dumps({"source": "aws.emr-serverless", "detail": {}}), "aws.emr-serverless", None),
        (FAILED, "FunctionFailed", "trips"),
        ("no JSON", "unknown", None),
        ("[]", "unknown", None),
    ],
)
def test_a_letter_tells_what_it_is_and_why(
    letters: DeadLetters, body: str, kind: str, job_id: str | None
) -> None:
    letters.bury(body, "JobNotFound: no job has the id 'trips'")
    (letter,) = letters.listed(every)
    assert (letter.kind, letter.job_id, letter.body) == (kind, job_id, body)
    assert letter.reason == "JobNotFound: no job has the id 'trips'"


def test_looking_takes_nothing_away(letters: DeadLetters) -> None:
    for number in range(25):
        letters.bury(to_body(CheckJob(f"job-{number}")), "x")
    assert len(letters.listed(every)) == 25
    assert len(letters.listed(every)) == 25


def test_what_others_buried_has_its_own_reason_or_none(
    letters: DeadLetters, queues: tuple[Any, str, str]
) -> None:
    sqs, url, _ = queues
    said = {"ERROR_MESSAGE": {"DataType": "String", "StringValue": "no permission"}}
    sqs.send_message(QueueUrl=url, MessageBody=BATCH, MessageAttributes=said)
    sqs.send_message(QueueUrl=url, MessageBody=BATCH)
    assert {letter.reason for letter in letters.listed(every)} == {
        "no permission",
        "it was delivered too often; the log tells more",
    }


def test_only_the_chosen_ones_are_sent_again(
    letters: DeadLetters, queues: tuple[Any, str, str]
) -> None:
    for job_id in ("a", "b", "c"):
        letters.bury(to_body(CheckJob(job_id)), "x")
    sent = letters.redrive(lambda letter: letter.job_id == "b")
    assert [letter.job_id for letter in sent] == ["b"]
    sqs, _, work = queues
    (message,) = sqs.receive_message(QueueUrl=work, MaxNumberOfMessages=10)["Messages"]
    assert message["Body"] == to_body(CheckJob("b"))
    assert sorted(letter.job_id or "" for letter in letters.listed(every)) == ["a", "c"]
