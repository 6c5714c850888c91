"""What the coordinator does when it is told to look after a job."""

from dataclasses import replace
from typing import Any

import boto3
import pytest

from actors import analysis, validation
from actors.stage_actor import MOST_DEATHS
from actors.system import Coordinator
from actors.validation import notification
from pipeline.compute import BatchJobs, Functions
from pipeline.compute_names import AttemptName
from pipeline.dataset.identity import Upload
from pipeline.messages import CheckJob, to_body
from pipeline.model import Fault, Job, Source, Stage, Status, StopReason
from tests.actors.deliveries import (
    CHECK,
    DIED,
    NORMALIZE,
    analysis_failure,
    launched_normalization,
    launched_spark,
    spark_event,
    upload_event,
    validation_failure,
)
from tests.actors.world import NOW, Aws


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """The functions that were invoked, and with what."""
    invoke, invoked = Functions.invoke, []

    def record(self: Functions, name: str, payload: dict[str, Any]) -> str:
        invoked.append((name, payload))
        return invoke(self, name, payload)

    monkeypatch.setattr(Functions, "invoke", record)
    return invoked


def test_a_check_learns_what_no_event_told(actors: Coordinator, aws: Aws, queued: Job) -> None:
    run_id = launched_spark(actors, aws)
    aws.leave(AttemptName("job", "spark", 1))
    aws.move_spark_run(run_id, "SUCCESS")
    actors.handle("third", CHECK)
    assert aws.store.get("job").status is Status.ANALYZING


def test_a_check_of_a_queued_job_takes_it_up(actors: Coordinator, aws: Aws, queued: Job) -> None:
    actors.handle("first", CHECK)
    assert aws.store.get("job").status is Status.NORMALIZING


def test_a_check_that_learns_nothing_changes_nothing(
    actors: Coordinator, aws: Aws, queued: Job
) -> None:
    aws.move_spark_run(launched_spark(actors, aws), "SCHEDULED")
    before = aws.store.get("job")
    actors.handle("third", CHECK)
    assert aws.store.get("job") == before


def test_a_check_of_an_ended_job_does_nothing(actors: Coordinator, aws: Aws, queued: Job) -> None:
    aws.store.save(replace(queued, status=Status.FAILED))
    assert actors.handle("first", CHECK).status == "FAILED"


def test_work_that_batch_has_forgotten_is_done_again(
    in_process: Coordinator, aws: Aws, queued: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    launched_normalization(in_process, aws)
    aws.forget_batch_jobs()
    in_process.handle("second", CHECK)
    assert aws.store.get("job").attempt(Stage.NORMALIZE, 2) is None  # it may be new to Batch
    monkeypatch.setattr("actors.stage_actor.FORGOTTEN_AFTER_SECONDS", 0.0)
    in_process.handle("third", CHECK)
    first = aws.store.get("job").attempt(Stage.NORMALIZE, 1)
    assert first is not None and first.error is not None
    assert (first.error.code, first.fault) == ("vanished", Fault.HOST)


def test_a_validation_that_fell_silent_is_called_again(in_process: Coordinator, aws: Aws) -> None:
    aws.begin_validation("job", "input/a b+c.csv", "v1")
    before = aws.store.get("job")
    in_process.handle("first", CHECK)
    job = aws.store.get("job")
    assert job.status is Status.VALIDATING
    assert job.updated_at > before.updated_at
    assert job.resumptions == 1
    assert job.history[-1].event == "called again"
    record = notification(job)["Records"][0]
    assert Upload.of_record(record) == Upload("ingest", "input/a b+c.csv", "v1")


def test_a_validation_that_never_ends_fails_with_a_name(actors: Coordinator, aws: Aws) -> None:
    aws.begin_validation("job", "input/a.csv", "v1")
    job = aws.store.get("job")
    aws.store.save(replace(job, resumptions=validation.MAX_RESUMPTIONS))
    actors.handle("first", CHECK)
    job = aws.store.get("job")
    assert job.error is not None
    assert (job.status, job.error.code) == (Status.FAILED, "validation_lost")


@pytest.mark.parametrize("settling", [False, True])
def test_a_validation_that_died_is_called_again_with_what_it_was_given(
    in_process: Coordinator, aws: Aws, calls: list[tuple[str, Any]], settling: bool
) -> None:
    aws.begin_validation("job", "input/a.csv", "v1")
    payload = {"settle": {"job_id": "job"}} if settling else upload_event("input/a.csv")
    in_process.handle("first", validation_failure(payload, DIED))
    job = aws.store.get("job")
    assert (job.status, job.resumptions) == (Status.VALIDATING, 1)
    assert calls == [(aws.settings.validate_function, payload)]


def test_a_validation_that_dies_each_time_fails_with_what_it_died_of(
    in_process: Coordinator, aws: Aws, calls: list[tuple[str, Any]]
) -> None:
    aws.begin_validation("job", "input/a.csv", "v1")
    for delivery in range(MOST_DEATHS + 2):
        in_process.handle(str(delivery), validation_failure(upload_event("input/a.csv"), DIED))
    job = aws.store.get("job")
    assert job.error is not None
    assert (job.status, job.error.code) == (Status.FAILED, "validation_failed")
    assert "signal: killed" in job.error.message
    assert len(calls) == MOST_DEATHS


def test_a_function_that_lambda_does_not_run_waits_for_the_next_check(
    in_process: Coordinator, aws: Aws, calls: list[tuple[str, Any]]
) -> None:
    failure = validation_failure(upload_event("input/a.csv"), None, "ZeroReservedConcurrency")
    for delivery in ("first", "second"):
        assert in_process.handle(delivery, failure).status == "VALIDATING"
    (job,) = aws.store.list().jobs
    assert job.resumptions == 0
    assert calls == []
    aws.store.save(replace(job, updated_at=NOW))
    in_process.handle("third", to_body(CheckJob(job.job_id)))
    assert len(calls) == 1


def test_a_validation_that_died_after_its_work_is_not_called_again(
    in_process: Coordinator, aws: Aws, queued: Job, calls: list[tuple[str, Any]]
) -> None:
    failure = validation_failure(upload_event("input/a.csv"), DIED)
    assert in_process.handle("first", failure).status == "NORMALIZING"
    assert in_process.handle("second", failure).status == "NORMALIZING"
    assert calls == []


def test_records_that_never_reached_s3_fail_their_job(in_process: Coordinator, aws: Aws) -> None:
    boto3.client("s3").create_bucket(Bucket="ingest")
    source = Source("ingest", "input/inline/job.jsonl", None, NOW)
    aws.store.save(Job("job", Status.SUBMITTED, source, NOW, NOW))
    in_process.handle("first", CHECK)
    job = aws.store.get("job")
    assert job.error is not None
    assert (job.status, job.error.code) == (Status.FAILED, "upload_failed")


def analyzing(actors: Coordinator, aws: Aws) -> Job:
    run_id = launched_spark(actors, aws)
    aws.leave(AttemptName("job", "spark", 1))
    actors.handle("third", spark_event(aws, run_id))
    return aws.store.get("job")


def test_an_analysis_that_fell_silent_is_called_again(
    in_process: Coordinator, aws: Aws, queued: Job
) -> None:
    job = analyzing(in_process, aws)
    in_process.handle("fourth", CHECK)
    assert aws.store.get("job") == job
    # For two days nobody has looked after the job, which is not its fault.
    aws.store.save(replace(job, updated_at=NOW))
    in_process.handle("fifth", CHECK)
    again = aws.store.get("job")
    assert (again.status, again.resumptions) == (Status.ANALYZING, 1)
    assert again.open_attempt == job.open_attempt


def test_an_analysis_that_never_ends_fails_with_a_name(
    in_process: Coordinator, aws: Aws, queued: Job
) -> None:
    job = analyzing(in_process, aws)
    aws.store.save(replace(job, updated_at=NOW, resumptions=analysis.MAX_RESUMPTIONS))
    in_process.handle("fourth", CHECK)
    job = aws.store.get("job")
    assert job.error is not None
    assert (job.status, job.error.code) == (Status.FAILED, "analysis_lost")


def test_an_analysis_that_died_is_called_again_until_it_has_ended(
    in_process: Coordinator, aws: Aws, queued: Job, calls: list[tuple[str, Any]]
) -> None:
    job = analyzing(in_process, aws)
    (first,) = calls
    in_process.handle("fourth", analysis_failure("job", DIED))
    again = aws.store.get("job")
    assert (again.status, again.resumptions) == (Status.ANALYZING, 1)
    assert again.open_attempt == job.open_attempt
    assert calls == [first, first]
    aws.store.save(replace(again, resumptions=MOST_DEATHS))
    for delivery in ("fifth", "sixth"):
        in_process.handle(delivery, analysis_failure("job", DIED))
    ended = aws.store.get("job")
    assert ended.error is not None
    assert (ended.status, ended.error.code) == (Status.FAILED, "analysis_failed")
    assert "signal: killed" in ended.error.message
    assert calls == [first, first]


def test_an_analysis_that_lambda_does_not_run_waits_for_the_next_check(
    in_process: Coordinator, aws: Aws, queued: Job, calls: list[tuple[str, Any]]
) -> None:
    job = analyzing(in_process, aws)
    in_process.handle("fourth", analysis_failure("job", None, "EventAgeExceeded"))
    assert aws.store.get("job") == job
    assert len(calls) == 1


@pytest.mark.parametrize(("state", "stop"), [("STARTING", None), ("RUNNABLE", StopReason.NO_GPU)])
def test_a_batch_job_that_is_starting_waits_for_no_gpu_any_more(
    in_process: Coordinator,
    aws: Aws,
    queued: Job,
    monkeypatch: pytest.MonkeyPatch,
    state: str,
    stop: StopReason | None,
) -> None:
    """Its image is being pulled, however long ago it was submitted."""
    launched_normalization(in_process, aws)
    described = {"jobName": str(NORMALIZE), "jobId": "b", "status": state, "createdAt": 1}
    monkeypatch.setattr(BatchJobs, "describe", lambda self, job_id: described)
    in_process.handle("second", CHECK)
    attempt = aws.store.get("job").latest(Stage.NORMALIZE)
    assert attempt is not None
    assert attempt.stop is stop
