from typing import Any

from local.compute import emr_job_run
from local.compute.arns import Arns

APPLICATION = {"applicationId": "00app", "releaseLabel": "emr-spark-8.0.0"}


def run() -> dict[str, Any]:
    request = {"executionRoleArn": "arn:role", "jobDriver": {"sparkSubmit": {"entryPoint": "x"}}}
    return emr_job_run.new_run(request, APPLICATION, Arns("eu-west-1", "123456789012"), 100.0)


def test_a_run_is_named_as_aws_names_it() -> None:
    made = run()
    assert made["arn"] == (
        "arn:aws:emr-serverless:eu-west-1:123456789012:/applications/00app/jobruns/"
        + made["jobRunId"]
    )
    assert made["executionTimeoutMinutes"] == 720
    assert "name" not in made


def test_the_times_and_the_resources_come_with_the_states() -> None:
    running = emr_job_run.moved(run(), "RUNNING", 110.0)
    ended = emr_job_run.moved(running, "SUCCESS", 170.0)
    assert "startedAt" not in run()
    assert (ended["startedAt"], ended["endedAt"], ended["updatedAt"]) == (110.0, 170.0, 170.0)
    assert ended["totalExecutionDurationSeconds"] == 60
    assert ended["billedResourceUtilization"]["vCPUHour"] == round(16 / 60, 3)


def test_a_run_that_never_ran_used_nothing() -> None:
    cancelled = emr_job_run.moved(run(), "CANCELLED", 170.0)
    assert "billedResourceUtilization" not in cancelled
    assert "startedAt" not in cancelled


def test_details_fit_into_what_the_service_allows() -> None:
    failed = emr_job_run.moved(run(), "FAILED", 1.0, "x" * 1000)
    assert len(failed["stateDetails"]) == 256


def test_the_last_exception_of_a_log_is_found() -> None:
    log = "ValueError: first\n  File x\norg.apache.spark.SparkException: Job aborted\n26 INFO ok\n"
    assert emr_job_run.last_exception(log) == "org.apache.spark.SparkException: Job aborted"
    assert emr_job_run.last_exception("all is well") is None
