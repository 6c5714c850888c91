import json
from typing import Any

import pytest

from pipeline.compute_names import AttemptName
from pipeline.job_events import DatasetValidated
from pipeline.messages import (
    AnalysisFinished,
    BatchJobChanged,
    DatasetArriving,
    Failure,
    FunctionFailed,
    SparkRunChanged,
    UnknownMessage,
    parse,
    to_body,
)
from pipeline.model import AttemptState, Totals

TOTALS = Totals(10, 5.0, 1.0, 0.01, 0.001, None, None, "one pipeline")


@pytest.mark.parametrize(
    "message",
    [
        DatasetValidated("job"),
        DatasetArriving("job", "b", "datasets/a/_SUCCESS", None, "f", "t"),
        AnalysisFinished("job", 1, "t", "t", TOTALS, ("w",)),
    ],
)
def test_our_own_messages_come_back_as_they_were_sent(message: object) -> None:
    assert parse(to_body(message)) == message  # type: ignore[arg-type]


def batch_event(**detail: object) -> str:
    return json.dumps(
        {
            "source": "aws.batch",
            "detail-type": "Batch Job State Change",
            "detail": {"jobName": "bigdata-my--job--normalize-2", "jobId": "id-1", **detail},
        }
    )


def test_a_failed_batch_job_says_why_and_when() -> None:
    event = batch_event(
        status="FAILED",
        statusReason="Essential container in task exited",
        container={"exitCode": 1, "reason": "OutOfMemoryError"},
        startedAt=1_700_000_000_000,
        stoppedAt=1_700_000_001_500,
    )
    assert parse(event) == BatchJobChanged(
        attempt=AttemptName("my--job", "normalize", 2),
        external_id="id-1",
        state=AttemptState.FAILED,
        started_at="2023-11-14T22:13:20.000Z",
        finished_at="2023-11-14T22:13:21.500Z",
        reason="Essential container in task exited, OutOfMemoryError, exit code 1",
        terminated=False,
        exit_code=1,
    )


def test_machines_that_were_lost_have_worked_too() -> None:
    tries = [{"startedAt": 0, "stoppedAt": 300_000}, {"startedAt": 900_000, "stoppedAt": 960_500}]
    message = parse(batch_event(status="FAILED", attempts=[*tries, {"statusReason": "no start"}]))
    assert isinstance(message, BatchJobChanged)
    assert message.worked_seconds == 360.5


def test_a_terminated_batch_job_is_told_apart() -> None:
    message = parse(batch_event(status="FAILED", isTerminated=True))
    assert isinstance(message, BatchJobChanged)
    assert message.terminated


@pytest.mark.parametrize("detail", [{"status": "RUNNABLE"}, {"status": "FAILED", "jobName": "x"}])
def test_batch_events_that_do_not_concern_us_are_passed_over(detail: dict[str, str]) -> None:
    assert parse(batch_event(**detail)) is None


def test_a_spark_event_names_its_run() -> None:
    detail = {"applicationId": "app", "jobRunId": "run", "state": "SUCCESS"}
    body = json.dumps({"source": "aws.emr-serverless", "detail": detail})
    assert parse(body) == SparkRunChanged("app", "run")


def function_failed(condition: str, response: dict[str, Any] | None) -> str:
    record = {
        "version": "1.0",
        "requestContext": {"functionArn": "arn:f:$LATEST", "condition": condition},
        "requestPayload": {"job_id": "job"},
    }
    return json.dumps(record if response is None else {**record, "responsePayload": response})


def test_a_function_that_failed_for_good_is_known_by_its_envelope() -> None:
    raised = {"errorType": "ValueError", "errorMessage": "boom", "stackTrace": ["line 1"]}
    body = function_failed("RetriesExhausted", raised)
    expected = FunctionFailed("arn:f:$LATEST", {"job_id": "job"}, Failure.RAISED, "boom")
    assert parse(body) == expected


@pytest.mark.parametrize(
    ("condition", "response", "failure"),
    [
        ("RetriesExhausted", {"errorMessage": "no module", "stackTrace": []}, Failure.RAISED),
        ("RetriesExhausted", {"errorMessage": "1 Task timed out after 3.00 s"}, Failure.RAISED),
        ("RetriesExhausted", {"errorType": "Runtime.ExitError"}, Failure.DIED),
        ("RetriesExhausted", {"errorMessage": "RequestId: 1 Process exited"}, Failure.DIED),
        ("EventAgeExceeded", {"errorMessage": "boom", "stackTrace": []}, Failure.UNTRIED),
        ("ZeroReservedConcurrency", None, Failure.UNTRIED),
    ],
)
def test_what_became_of_a_function_is_known_by_its_envelope(
    condition: str, response: dict[str, Any] | None, failure: Failure
) -> None:
    message = parse(function_failed(condition, response))
    assert isinstance(message, FunctionFailed)
    assert message.failure is failure


@pytest.mark.parametrize("body", ["", "[]", "3", "{}", '{"message": "Nonsense"}', "nonsense"])
def test_anything_else_is_unknown(body: str) -> None:
    with pytest.raises(UnknownMessage):
        parse(body)
