import json
import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.compute.laptop import Laptop, is_alive, wait_until

SLEEP = "import time; print('up', flush=True); time.sleep(60)"
GRANDCHILD = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print(child.pid, flush=True)
child.wait()
"""


def refused(call: Callable[..., Any], **parameters: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as raised:
        call(**parameters)
    error = raised.value.response["Error"]
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    return error["Code"], error["Message"]


def test_a_job_runs_as_its_container_would(laptop: Laptop) -> None:
    script = (
        "import json, os; from contracts.layout import S3Uri;"
        "print(json.dumps([dict(os.environ), os.getcwd()]))"
    )
    job_id = laptop.submit(
        script, containerOverrides={"environment": [{"name": "COLOUR", "value": "blue"}]}
    )
    job = laptop.wait(job_id)
    variables, folder = json.loads(laptop.log(job_id))
    assert job["status"] == "SUCCEEDED"
    assert job["container"]["exitCode"] == 0
    assert job["createdAt"] <= job["startedAt"] <= job["stoppedAt"]
    assert abs(job["stoppedAt"] - time.time() * 1000) < 60_000
    assert variables["COLOUR"] == "blue"
    assert variables["AWS_BATCH_JOB_ID"] == job_id
    assert variables["AWS_ENDPOINT_URL"] == laptop.config.emulator_endpoint_url
    assert variables["AWS_ACCESS_KEY_ID"] == "test"
    assert folder == str(laptop.config.folder.scratch(job_id))
    wait_until(lambda: not laptop.config.folder.scratch(job_id).exists(), timeout_s=5)


def test_nothing_of_the_servers_shell_steers_the_job(
    monkeypatch: pytest.MonkeyPatch, laptop: Laptop
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("SPARK_HOME", "/elsewhere")
    job_id = laptop.submit("import os; print(*os.environ)")
    laptop.wait(job_id)
    assert not {"AWS_PROFILE", "SPARK_HOME"} & set(laptop.log(job_id).split())


def test_parameters_reach_the_command(laptop: Laptop) -> None:
    definition = laptop.batch.register_job_definition(
        jobDefinitionName="echo",
        type="container",
        parameters={"spec": "default"},
        containerProperties={
            "image": "none",
            "command": ["python", "-c", "import sys; print(sys.argv[1])", "Ref::spec"],
        },
    )["jobDefinitionArn"]
    job_id = laptop.batch.submit_job(
        jobName="echo",
        jobQueue=laptop.queue(),
        jobDefinition=definition,
        parameters={"spec": "s3://bucket/a key/spec.json"},
    )["jobId"]
    laptop.wait(job_id)
    assert laptop.log(job_id) == "s3://bucket/a key/spec.json\n"


def test_a_failure_tells_its_exit_code(laptop: Laptop) -> None:
    job = laptop.wait(laptop.submit("raise SystemExit(3)"))
    assert (job["status"], job["container"]["exitCode"]) == ("FAILED", 3)
    assert job["statusReason"] == "Essential container in task exited"


def test_a_program_that_does_not_exist_fails_to_start(laptop: Laptop) -> None:
    job_id = laptop.submit("", containerOverrides={"command": ["no-such-program"]})
    job = laptop.wait(job_id)
    assert (job["status"], job["statusReason"]) == ("FAILED", "Task failed to start")
    assert job["container"]["reason"].startswith("CannotStartContainerError")
    assert "exitCode" not in job["container"]


def test_a_failed_attempt_is_repeated_under_the_same_id(laptop: Laptop) -> None:
    script = "import os; print('try'); raise SystemExit(int(os.environ['AWS_BATCH_JOB_ATTEMPT'])<2)"
    job = laptop.wait(job_id := laptop.submit(script, retryStrategy={"attempts": 3}))
    assert job["status"] == "SUCCEEDED"
    assert [attempt["container"]["exitCode"] for attempt in job["attempts"]] == [1, 0]
    assert laptop.log(job_id) == "try\ntry\n"


def test_a_job_that_runs_too_long_is_killed_with_its_children(laptop: Laptop) -> None:
    job = laptop.wait(job_id := laptop.submit(GRANDCHILD, timeout={"attemptDurationSeconds": 1}))
    assert (job["status"], job["statusReason"]) == (
        "FAILED",
        "Job attempt duration exceeded timeout",
    )
    assert not is_alive(int(laptop.log(job_id)))


def test_terminate_kills_a_running_job_with_its_children(laptop: Laptop) -> None:
    job_id = laptop.submit(GRANDCHILD, retryStrategy={"attempts": 5})
    laptop.wait(job_id, "RUNNING")
    wait_until(lambda: laptop.log(job_id) != "", timeout_s=10)
    laptop.batch.terminate_job(jobId=job_id, reason="the user said so")
    job = laptop.wait(job_id)
    assert (job["status"], job["statusReason"]) == ("FAILED", "the user said so")
    assert (job["isTerminated"], job["isCancelled"]) == (True, False)
    assert not is_alive(int(laptop.log(job_id)))


def test_cancel_leaves_a_running_job_alone(laptop: Laptop) -> None:
    job_id = laptop.submit(SLEEP)
    laptop.wait(job_id, "RUNNING")
    laptop.batch.cancel_job(jobId=job_id, reason="too late")
    time.sleep(0.3)
    assert laptop.job(job_id)["status"] == "RUNNING"


def test_jobs_wait_in_runnable_and_start_in_order(start: Callable[..., Laptop]) -> None:
    laptop = start(batch_concurrency=1)
    first = laptop.submit("import time; time.sleep(0.5)")
    laptop.wait(first, "RUNNING")
    second, third, fourth = (laptop.submit("") for _ in range(3))
    assert {laptop.job(job_id)["status"] for job_id in (second, third, fourth)} == {"RUNNABLE"}
    laptop.batch.cancel_job(jobId=third, reason="not needed")
    cancelled = laptop.job(third)
    assert (cancelled["status"], cancelled["statusReason"]) == ("FAILED", "not needed")
    assert (cancelled["isCancelled"], cancelled["isTerminated"]) == (True, False)
    assert "startedAt" not in cancelled
    starts = [laptop.wait(job_id)["startedAt"] for job_id in (first, second, fourth)]
    assert starts == sorted(starts)
    assert laptop.job(third)["attempts"] == []


def test_terminate_ends_a_waiting_job_at_once(start: Callable[..., Laptop]) -> None:
    laptop = start(batch_concurrency=1)
    laptop.submit(SLEEP)
    waiting = laptop.submit("")
    laptop.batch.terminate_job(jobId=waiting, reason="changed my mind")
    job = laptop.job(waiting)
    assert (job["status"], job["isTerminated"], job["isCancelled"]) == ("FAILED", True, True)


def test_terminating_an_ended_job_changes_nothing(laptop: Laptop) -> None:
    before = laptop.wait(job_id := laptop.submit(""))
    laptop.batch.terminate_job(jobId=job_id, reason="late")
    assert laptop.job(job_id) == before


def test_jobs_are_listed_by_name_whatever_their_status(laptop: Laptop) -> None:
    ids = [laptop.submit("", job_name=name) for name in ("abc--1", "abc--2", "xyz")]
    for job_id in ids:
        laptop.wait(job_id)

    def named(value: str) -> list[str]:
        filters = [{"name": "JOB_NAME", "values": [value]}]
        answer = laptop.batch.list_jobs(jobQueue="queue", filters=filters)
        return [job["jobName"] for job in answer["jobSummaryList"]]

    assert named("ABC--1") == ["abc--1"]
    assert named("abc*") == ["abc--2", "abc--1"]
    assert named("abc") == []
    assert laptop.batch.list_jobs(jobQueue="queue")["jobSummaryList"] == []
    finished = laptop.batch.list_jobs(jobQueue="queue", jobStatus="SUCCEEDED")
    assert {job["jobId"] for job in finished["jobSummaryList"]} == set(ids)


def test_long_lists_come_in_pages(laptop: Laptop) -> None:
    for _ in range(3):
        laptop.definition("", name="many")
    pages = laptop.batch.get_paginator("describe_job_definitions").paginate(
        jobDefinitionName="many", PaginationConfig={"PageSize": 2}
    )
    revisions = [[d["revision"] for d in page["jobDefinitions"]] for page in pages]
    assert revisions == [[3, 2], [1]]


def test_a_definition_is_found_by_name_revision_and_arn(laptop: Laptop) -> None:
    first, second = (laptop.definition("", name="some") for _ in range(2))
    laptop.queue()
    for asked, got in (("some", second), ("some:1", first), (first, first)):
        answer = laptop.batch.submit_job(jobName="n", jobQueue="queue", jobDefinition=asked)
        assert laptop.job(answer["jobId"])["jobDefinition"] == got


def test_refusals_are_aws_own(laptop: Laptop) -> None:
    batch, queue, definition = laptop.batch, laptop.queue(), laptop.definition("")
    code, message = refused(
        batch.submit_job, jobName="n", jobQueue="nowhere", jobDefinition=definition
    )
    assert (code, message) == ("ClientException", "JobQueue nowhere not found.")
    _, message = refused(batch.submit_job, jobName="n", jobQueue=queue, jobDefinition="none")
    assert message == "JobDefinition none does not exist or is not in ACTIVE status"
    _, message = refused(batch.submit_job, jobName="a b", jobQueue=queue, jobDefinition=definition)
    assert re.search("Job name should match valid pattern", message)
    assert refused(batch.terminate_job, jobId="none", reason="r")[0] == "ClientException"
    assert refused(batch.create_job_queue, jobQueueName="queue", priority=1)[1] == (
        "Object already exists"
    )
    assert laptop.batch.describe_jobs(jobs=["none"])["jobs"] == []


def test_what_would_be_ignored_is_refused(laptop: Laptop) -> None:
    _, message = refused(
        laptop.batch.submit_job,
        jobName="n",
        jobQueue=laptop.queue(),
        jobDefinition=laptop.definition(""),
        arrayProperties={"size": 2},
    )
    assert "arrayProperties is not served" in message
