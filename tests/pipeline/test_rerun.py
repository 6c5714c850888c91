from dataclasses import replace
from itertools import islice

import pytest

from contracts.problem import Problem
from pipeline.compute_names import AttemptName
from pipeline.document import job_document
from pipeline.job_events import DatasetValidated
from pipeline.model import Attempt, AttemptState, Job, Source, Stage, Status
from pipeline.orders import LaunchStage
from pipeline.plan import Turn, plan
from pipeline.rerun import is_validated, rerun_ids, rerun_of

T0 = "2026-11-23T10:00:00.000Z"
T1 = "2026-11-24T10:00:00.000Z"


def attempt(stage: Stage, state: AttemptState, number: int = 1) -> Attempt:
    return Attempt(stage, number, state, T0, started_at=T0, finished_at="2026-11-23T10:00:05.000Z")


def ended_job(status: Status, *attempts: Attempt) -> Job:
    validated = attempt(Stage.VALIDATE, AttemptState.SUCCEEDED)
    error = None if status is Status.COMPLETED else Problem("some_error", "x")
    source = Source("ingest", "input/a.csv", "v1", T0)
    return Job("job", status, source, T0, T0, 7, attempts=(validated, *attempts), error=error)


NORMALIZED = attempt(Stage.NORMALIZE, AttemptState.SUCCEEDED, 2)
SUMMARISED = attempt(Stage.SPARK, AttemptState.SUCCEEDED)
FAILED = AttemptState.FAILED


@pytest.mark.parametrize(
    ("job", "whole", "stage"),
    [
        (ended_job(Status.FAILED, attempt(Stage.NORMALIZE, FAILED)), False, Stage.NORMALIZE),
        (ended_job(Status.FAILED, NORMALIZED, attempt(Stage.SPARK, FAILED)), False, Stage.SPARK),
        (ended_job(Status.CANCELLED, NORMALIZED, SUMMARISED), False, Stage.ANALYZE),
        (ended_job(Status.FAILED, NORMALIZED, SUMMARISED), True, Stage.NORMALIZE),
        (ended_job(Status.COMPLETED, NORMALIZED, SUMMARISED), False, Stage.NORMALIZE),
    ],
)
def test_a_rerun_begins_with_what_is_missing(job: Job, whole: bool, stage: Stage) -> None:
    rerun = rerun_of(job, "job-rerun-1", T1, whole=whole)
    assert (rerun.status, rerun.rerun_of, rerun.version) == (Status.QUEUED, "job", 0)
    decision = plan(rerun, DatasetValidated(rerun.job_id), Turn("me", T1))
    assert decision.order == LaunchStage(stage, 1, look_first=False)
    assert decision.job.error is None
    begun = decision.job.latest(stage)
    assert begun is not None
    assert AttemptName.of(decision.job, begun) == AttemptName("job-rerun-1", stage.value, 1)


def test_what_is_reused_lies_where_it_was_made_however_often_it_is_reused() -> None:
    job = ended_job(Status.FAILED, NORMALIZED, attempt(Stage.SPARK, FAILED))
    first = rerun_of(job, "job-rerun-1", T1, whole=False)
    again = rerun_of(replace(first, status=Status.CANCELLED), "job-rerun-2", T1, whole=False)
    reused = again.latest(Stage.NORMALIZE)
    assert reused is not None
    assert AttemptName.of(again, reused) == AttemptName("job", "normalize", 2)
    results = job_document(again, "results").results
    assert results["normalized"] == "s3://results/results/job/attempts/normalize-2/normalized/"
    assert results["manifest"] == "s3://results/results/job-rerun-2/manifest.json"


def test_a_rerun_takes_its_own_time_alone() -> None:
    job = ended_job(Status.FAILED, NORMALIZED, attempt(Stage.SPARK, FAILED))
    rerun = rerun_of(job, "job-rerun-1", T1, whole=False)
    ended = replace(rerun, status=Status.COMPLETED, updated_at="2026-11-24T10:00:30.000Z")
    document = job_document(ended, "results")
    assert (document.processing_time, document.overhead_s) == (30.0, 30.0)


def test_ids_are_counted_and_fit() -> None:
    assert [*islice(rerun_ids("job"), 2)] == ["job-rerun-1", "job-rerun-2"]
    assert next(rerun_ids("job-rerun-7")) == "job-rerun-1"
    assert all(len(job_id) <= 64 for job_id in islice(rerun_ids("x" * 64), 2000))


def test_only_a_dataset_that_was_understood_can_be_worked_on_again() -> None:
    job = ended_job(Status.FAILED)
    assert is_validated(job)
    refused = attempt(Stage.VALIDATE, AttemptState.FAILED)
    assert not is_validated(replace(job, attempts=(refused,)))
    assert not is_validated(replace(job, attempts=()))
