from typing import Any

import pytest

from local.compute import batch_job
from local.compute.arns import Arns

ARNS = Arns("eu-west-1", "123456789012")
OURS = {
    "attempts": 3,
    "evaluateOnExit": [
        {"onStatusReason": "Host EC2*", "action": "RETRY"},
        {"onReason": "*", "action": "EXIT"},
    ],
}


def job(definition: dict[str, Any] | None = None, **request: Any) -> dict[str, Any]:
    whole_definition = {
        "jobDefinitionArn": "arn:d:1",
        "containerProperties": {"image": "i", "command": ["python", "Ref::spec", "--x=Ref::x"]},
        **(definition or {}),
    }
    whole_request = {"jobName": "name", **request}
    made = batch_job.new_job(whole_request, whole_definition, "arn:queue/q", ARNS, 5)
    made["container"]["logStreamName"] = "batch/log"
    return made


def ended(strategy: dict[str, Any], status_reason: str, **result: Any) -> dict[str, Any]:
    values = {"exit_code": None, "reason": None, **result}
    return batch_job.ended_attempt(job(retryStrategy=strategy), status_reason, now_ms=9, **values)


def test_parameters_stand_in_for_their_references() -> None:
    made = job({"parameters": {"x": "1", "spec": "default"}}, parameters={"spec": "s3://b/k"})
    assert batch_job.command(made) == ("python", "s3://b/k", "--x=1")


def test_a_reference_without_a_parameter_is_passed_on() -> None:
    assert batch_job.command(job()) == ("python", "Ref::spec", "--x=Ref::x")


def test_overrides_win_over_the_definition() -> None:
    properties = {
        "image": "i",
        "command": ["a"],
        "environment": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
    }
    made = job(
        {"containerProperties": properties, "timeout": {"attemptDurationSeconds": 60}},
        containerOverrides={"command": ["b"], "environment": [{"name": "B", "value": "3"}]},
        timeout={"attemptDurationSeconds": 90},
    )
    variables = batch_job.environment(made)
    assert batch_job.command(made) == ("b",)
    assert (variables["A"], variables["B"]) == ("1", "3")
    assert made["timeout"] == {"attemptDurationSeconds": 90}


def test_batch_adds_its_own_variables() -> None:
    made = job()
    variables = batch_job.environment(made)
    assert variables["AWS_BATCH_JOB_ID"] == made["jobId"]
    assert variables["AWS_BATCH_JOB_ATTEMPT"] == "1"
    assert variables["AWS_BATCH_JQ_NAME"] == "q"


def test_the_loss_of_a_host_is_retried() -> None:
    assert ended(OURS, batch_job.HOST_LOST)["status"] == "RUNNABLE"


def test_every_other_failure_is_final() -> None:
    failed = ended(OURS, batch_job.CONTAINER_EXITED, exit_code=1)
    assert failed["status"] == "FAILED"
    assert failed["container"]["exitCode"] == 1
    assert failed["attempts"][0]["container"] == {"exitCode": 1, "logStreamName": "batch/log"}


def test_retries_end_with_the_attempts() -> None:
    lost = ended({**OURS, "attempts": 2}, batch_job.HOST_LOST)
    again = batch_job.ended_attempt(
        lost, batch_job.HOST_LOST, exit_code=None, reason=None, now_ms=9
    )
    assert (lost["status"], again["status"]) == ("RUNNABLE", "FAILED")
    assert len(again["attempts"]) == 2


@pytest.mark.parametrize(
    ("condition", "status"),
    [
        ({"onExitCode": "1*", "action": "exit"}, "FAILED"),
        ({"onExitCode": "2", "action": "EXIT"}, "RUNNABLE"),
        ({"onExitCode": "17", "onReason": "Cannot*", "action": "EXIT"}, "FAILED"),
        ({"onExitCode": "17", "onReason": "OutOf*", "action": "EXIT"}, "RUNNABLE"),
    ],
)
def test_a_condition_holds_when_all_its_patterns_fit(
    condition: dict[str, str], status: str
) -> None:
    """Without a condition that fits the job is retried."""
    strategy = {"attempts": 2, "evaluateOnExit": [condition]}
    job_ = ended(strategy, batch_job.CONTAINER_EXITED, exit_code=17, reason="CannotStart")
    assert job_["status"] == status


def test_a_timeout_is_never_retried() -> None:
    assert ended({"attempts": 9, "evaluateOnExit": []}, batch_job.TIMED_OUT)["status"] == "FAILED"


def test_exit_code_zero_succeeds_unless_the_job_was_terminated() -> None:
    made = job()
    result: dict[str, Any] = {"exit_code": 0, "reason": None, "now_ms": 9}
    assert batch_job.ended_attempt(made, batch_job.CONTAINER_EXITED, **result)["status"] == (
        "SUCCEEDED"
    )
    made.update(isTerminated=True, statusReason="asked to")
    terminated = batch_job.ended_attempt(made, batch_job.CONTAINER_EXITED, **result)
    assert (terminated["status"], terminated["statusReason"]) == ("FAILED", "asked to")
