import json
from typing import Any

import pytest
from moto.events.models import EventPattern


def test_coordinate_reports_the_messages_that_failed(assembly: Any) -> None:
    (mapping,) = assembly.of_type("AWS::Lambda::EventSourceMapping")
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["BatchSize"] == 10


def test_coordinate_submits_to_our_own_queues_alone(assembly: Any) -> None:
    function = assembly.function("coordinate")
    (submitting,) = (
        statement
        for statement in assembly.statements(function["Role"])
        if statement["Action"] == "batch:SubmitJob"
    )
    variables = {k: assembly.text(v) for k, v in function["Environment"]["Variables"].items()}
    definitions = (variables["GPU_JOB_DEFINITION"], variables["CPU_JOB_DEFINITION"])
    assert {assembly.text(resource) for resource in submitting["Resource"]} == {
        variables["GPU_JOB_QUEUE"],
        variables["CPU_JOB_QUEUE"],
        *definitions,
        *(f"{definition}:*" for definition in definitions),
    }


def test_coordinate_passes_the_spark_role_to_emr_serverless_alone(assembly: Any) -> None:
    function = assembly.function("coordinate")
    (passing,) = (
        statement
        for statement in assembly.statements(function["Role"])
        if statement["Action"] == "iam:PassRole"
    )
    role = function["Environment"]["Variables"]["SPARK_EXECUTION_ROLE_ARN"]
    assert passing["Resource"] == role
    assert passing["Condition"] == {
        "StringEquals": {"iam:PassedToService": "emr-serverless.amazonaws.com"}
    }


def batch_event(queue: str, status: str) -> dict[str, Any]:
    detail = {"jobQueue": queue, "status": status, "jobId": "1", "jobName": "a--normalize-1"}
    return {"source": "aws.batch", "detail-type": "Batch Job State Change", "detail": detail}


def spark_event(application: str, state: str) -> dict[str, Any]:
    detail = {"applicationId": application, "state": state, "jobRunId": "1"}
    return {
        "source": "aws.emr-serverless",
        "detail-type": "EMR Serverless Job Run State Change",
        "detail": detail,
    }


@pytest.mark.parametrize(
    ("own", "state", "wanted"),
    [
        (True, "RUNNING", True),
        (True, "FAILED", True),
        (True, "SUCCEEDED", True),
        (True, "SUCCESS", True),
        (True, "RUNNABLE", False),
        (True, "SCHEDULED", False),
        (False, "RUNNING", False),
        (False, "FAILED", False),
    ],
)
def test_only_our_own_deciding_state_changes_reach_the_queue(
    assembly: Any, own: bool, state: str, wanted: bool
) -> None:
    variables = assembly.function("coordinate")["Environment"]["Variables"]
    events = [
        batch_event(assembly.text(variables[name]) if own else "arn:other", state)
        for name in ("GPU_JOB_QUEUE", "CPU_JOB_QUEUE")
    ] + [spark_event(assembly.text(variables["SPARK_APPLICATION_ID"]) if own else "other", state)]
    rules = [rule for rule in assembly.of_type("AWS::Events::Rule") if "EventPattern" in rule]
    patterns = [pattern(assembly, rule) for rule in rules]
    reached = [event for event in events if any(p.matches_event(event) for p in patterns)]
    assert bool(reached) is wanted


def pattern(assembly: Any, rule: dict[str, Any]) -> EventPattern:
    deployed = rule["EventPattern"]
    detail = {
        name: [assembly.text(value) for value in values]
        for name, values in deployed["detail"].items()
    }
    return EventPattern.load(json.dumps({**deployed, "detail": detail}))


def test_an_event_that_cannot_be_delivered_is_kept(assembly: Any) -> None:
    rules = assembly.of_type("AWS::Events::Rule")
    assert len(rules) == 3
    for rule in rules:
        (target,) = rule["Targets"]
        assert target["DeadLetterConfig"]["Arn"] != target["Arn"]
