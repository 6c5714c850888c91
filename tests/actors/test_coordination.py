"""The actors over a real HTTP AWS, on both of Thespian's bases."""

import boto3
import pytest

from actors.system import Coordinator
from contracts.layout import FENCE_NAME, METRICS_NAME, SPEC_NAME
from contracts.marker import Outcome
from contracts.metrics import NormalizeMetrics
from contracts.problem import Problem
from contracts.spec import NormalizeSpec, SparkSpec
from pipeline.compute_names import AttemptName
from pipeline.dataset.identity import Upload, default_id
from pipeline.errors import TryAgain
from pipeline.job_events import CancelRequested, DatasetValidated
from pipeline.messages import AnalysisFinished, CheckJob, DatasetArriving, to_body
from pipeline.model import AttemptState, Fault, Job, Source, Stage, Status
from tests.actors.deliveries import (
    NORMALIZE,
    TOTALS,
    VALIDATED,
    analysis_failure,
    batch_event,
    launched_normalization,
    launched_spark,
    spark_event,
    upload_event,
    validation_failure,
)
from tests.actors.world import NOW, Aws


def test_a_job_goes_from_queued_to_completed(actors: Coordinator, aws: Aws, queued: Job) -> None:
    run_id = launched_spark(actors, aws)
    assert aws.store.get("job").status is Status.PROCESSING
    aws.leave(AttemptName("job", "spark", 1))
    actors.handle("third", spark_event(aws, run_id))
    assert aws.store.get("job").status is Status.ANALYZING
    analyzed = AnalysisFinished("job", 1, NOW, NOW, TOTALS)
    assert actors.handle("fourth", to_body(analyzed)).status == "COMPLETED"
    job = aws.store.get("job")
    assert job.totals == TOTALS
    assert job.warnings == ("a row was kept aside",)
    assert [a.state for a in job.attempts] == [AttemptState.SUCCEEDED] * 4


def test_what_was_launched_is_told_by_its_spec(actors: Coordinator, aws: Aws, queued: Job) -> None:
    launched_spark(actors, aws)
    normalize = aws.files.read(NormalizeSpec, NORMALIZE, SPEC_NAME)
    spark = aws.files.read(SparkSpec, AttemptName("job", "spark", 1), SPEC_NAME)
    prefix = "s3://results/results/job/attempts/normalize-1/"
    assert normalize.use_gpu
    assert normalize.output == prefix
    assert spark.inputs == tuple(f"{prefix}normalized/part-{n}.parquet" for n in range(2))
    (batch_job,) = aws.batch_jobs()
    assert batch_job["parameters"] == {"spec": f"{prefix}spec.json"}
    (run,) = aws.spark_runs()
    submit = run["jobDriver"]["sparkSubmit"]
    assert submit["entryPoint"] == aws.settings.spark_compare_script
    assert submit["entryPointArguments"][0].endswith("/spark-1/spec.json")


def test_rows_are_grouped_by_what_normalization_found_and_not_by_what_was_validated(
    actors: Coordinator, aws: Aws, queued: Job
) -> None:
    batch_id = launched_normalization(actors, aws)
    aws.leave(NORMALIZE)
    metrics = NormalizeMetrics(10, 1.0, 10.0, "cpu", "", 1, 1, 0, {}, group_by="city")
    aws.files.write(metrics, NORMALIZE, METRICS_NAME)
    actors.handle("second", batch_event("SUCCEEDED", batch_id))
    spec = aws.files.read(SparkSpec, AttemptName("job", "spark", 1), SPEC_NAME)
    assert spec.group_by == "city"


def test_a_second_delivery_launches_nothing(actors: Coordinator, aws: Aws, queued: Job) -> None:
    launched_normalization(actors, aws)
    actors.handle("again", VALIDATED)
    assert len(aws.batch_jobs()) == 1


def test_a_running_batch_job_shows_in_the_job(actors: Coordinator, aws: Aws, queued: Job) -> None:
    batch_id = launched_normalization(actors, aws)
    actors.handle("second", batch_event("RUNNING", batch_id))
    attempt = aws.store.get("job").latest(Stage.NORMALIZE)
    assert attempt is not None
    assert (attempt.state, attempt.external_id) == (AttemptState.RUNNING, batch_id)
    assert attempt.started_at == "2023-11-14T22:13:20.000Z"


def test_of_two_batch_jobs_only_the_owner_of_the_fence_counts(
    actors: Coordinator, aws: Aws, queued: Job
) -> None:
    batch_id = launched_normalization(actors, aws)
    aws.take_fence(NORMALIZE, "the-other-job")
    actors.handle("second", batch_event("FAILED", batch_id))
    assert aws.store.get("job").status is Status.NORMALIZING
    aws.leave(NORMALIZE)
    actors.handle("third", batch_event("SUCCEEDED", "the-other-job"))
    job = aws.store.get("job")
    assert job.status is Status.PROCESSING
    attempt = job.latest(Stage.NORMALIZE)
    assert attempt is not None
    assert attempt.external_id == "the-other-job"


def test_a_second_batch_job_that_fails_before_the_fence_leaves_the_attempt_to_the_first(
    actors: Coordinator, aws: Aws, queued: Job
) -> None:
    batch_id = launched_normalization(actors, aws)
    actors.handle("second", batch_event("FAILED", "the-other-job"))
    attempt = aws.store.get("job").latest(Stage.NORMALIZE)
    assert attempt is not None
    assert (attempt.number, attempt.state) == (1, AttemptState.LAUNCHED)
    actors.handle("third", batch_event("FAILED", batch_id))
    assert aws.store.get("job").status is Status.FAILED


def test_an_input_that_the_full_read_refuses_is_rejected(
    actors: Coordinator, aws: Aws, queued: Job
) -> None:
    batch_id = launched_normalization(actors, aws)
    problem = Problem("truncated", "The file ends too early.", "byte 77")
    aws.leave(NORMALIZE, outcome=Outcome.REJECTED, error=problem)
    actors.handle("second", batch_event("FAILED", batch_id))
    job = aws.store.get("job")
    assert (job.status, job.error) == (Status.REJECTED, problem)
    assert job.latest(Stage.SPARK) is None


FAULTS = {
    "host_lost": ({"statusReason": "Host EC2 (instance i-1) terminated."}, Fault.HOST),
    "service_unavailable": ({"container": {"exitCode": 75}}, Fault.OUTAGE),
    "container_not_started": ({"container": {"reason": "CannotPullContainerError"}}, Fault.OUTAGE),
    "out_of_memory": ({"container": {"exitCode": 137, "reason": "OutOfMemoryError"}}, Fault.OURS),
    "killed": ({"container": {"exitCode": 137}}, Fault.HOST),
    "timed_out": ({"statusReason": "Job attempt duration exceeded timeout"}, Fault.OURS),
    "normalization_failed": (
        {"container": {"exitCode": 1, "logStreamName": "normalize/1"}},
        Fault.OURS,
    ),
}


@pytest.mark.parametrize("code", FAULTS)
def test_a_failed_batch_job_says_whose_fault_it_is(
    in_process: Coordinator, aws: Aws, queued: Job, code: str
) -> None:
    detail, fault = FAULTS[code]
    batch_id = launched_normalization(in_process, aws)
    in_process.handle("second", batch_event("FAILED", batch_id, **detail))
    job = aws.store.get("job")
    first = job.attempt(Stage.NORMALIZE, 1)
    assert first is not None and first.error is not None
    assert (first.error.code, first.fault) == (code, fault)
    assert job.status is (Status.FAILED if fault is Fault.OURS else Status.NORMALIZING)


def test_our_own_bug_tells_where_its_log_is(actors: Coordinator, aws: Aws, queued: Job) -> None:
    batch_id = launched_normalization(actors, aws)
    container = {"exitCode": 1, "logStreamName": "normalize/1"}
    actors.handle("second", batch_event("FAILED", batch_id, container=container))
    job = aws.store.get("job")
    assert job.status is Status.FAILED
    assert job.error is not None
    assert job.error.where == f"Batch job {batch_id}, log stream normalize/1"


def test_what_is_to_be_tried_again_comes_back_through_the_queue(
    actors: Coordinator, aws: Aws, queued: Job
) -> None:
    first = launched_normalization(actors, aws)
    lost = "Host EC2 (instance i-1) terminated."
    actors.handle("second", batch_event("FAILED", first, statusReason=lost))
    assert len(aws.batch_jobs()) == 1
    ((message, delay),) = aws.waiting_messages()
    assert message == CheckJob("job")
    assert 10 <= delay <= 21


CANCEL = to_body(CancelRequested("job", NOW, "wrong file"))


def test_a_cancelled_job_has_its_batch_job_ended(
    actors: Coordinator, aws: Aws, queued: Job
) -> None:
    batch_id = launched_normalization(actors, aws)
    actors.handle("second", CANCEL)
    assert aws.store.get("job").status is Status.NORMALIZING
    (batch_job,) = aws.batch_jobs()
    assert batch_job["jobId"] == batch_id
    terminated = batch_event("FAILED", batch_id, isTerminated=True)
    assert actors.handle("third", terminated).status == "CANCELLED"


def test_a_cancelled_job_has_its_spark_run_ended(
    actors: Coordinator, aws: Aws, queued: Job
) -> None:
    run_id = launched_spark(actors, aws)
    actors.handle("third", CANCEL)
    assert aws.spark_runs()[0]["state"] == "CANCELLED"
    assert actors.handle("fourth", spark_event(aws, run_id)).status == "CANCELLED"


@pytest.mark.parametrize("was_launched", [True, False])
def test_a_launch_whose_word_was_lost_is_found_and_ended(
    in_process: Coordinator, aws: Aws, queued: Job, was_launched: bool
) -> None:
    batch_id = launched_normalization(in_process, aws)
    aws.lose_launch("job")
    if not was_launched:
        aws.forget_batch_jobs()
    in_process.handle("second", CANCEL)
    job = aws.store.get("job")
    attempt = job.latest(Stage.NORMALIZE)
    assert attempt is not None
    assert job.status is (Status.NORMALIZING if was_launched else Status.CANCELLED)
    assert attempt.external_id == (batch_id if was_launched else None)
    fence = aws.files.output(NORMALIZE).join(FENCE_NAME)
    s3 = boto3.client("s3")
    with pytest.raises(s3.exceptions.ClientError, match="PreconditionFailed"):
        # A job that ListJobs does not show yet finds that it is not to begin.
        s3.put_object(Bucket=fence.bucket, Key=fence.key, Body=b"late", IfNoneMatch="*")


@pytest.mark.parametrize("was_launched", [True, False])
def test_a_spark_run_whose_word_was_lost_is_found_and_ended(
    in_process: Coordinator, aws: Aws, queued: Job, was_launched: bool
) -> None:
    launched_spark(in_process, aws)
    aws.lose_launch("job")
    if not was_launched:
        aws.forget_spark_runs()
    in_process.handle("third", CANCEL)
    status = aws.store.get("job").status
    assert status is (Status.PROCESSING if was_launched else Status.CANCELLED)
    if was_launched:
        assert aws.spark_runs()[0]["state"] == "CANCELLED"


def test_a_terminated_batch_job_ends_the_job(actors: Coordinator, aws: Aws, queued: Job) -> None:
    batch_id = launched_normalization(actors, aws)
    event = batch_event("FAILED", batch_id, isTerminated=True, statusReason="enough")
    actors.handle("second", event)
    job = aws.store.get("job")
    assert job.status is Status.FAILED
    assert job.error is not None
    assert (job.error.code, "enough" in job.error.message) == ("terminated", True)


def test_without_a_gpu_wish_the_cpu_queue_is_taken(
    actors: Coordinator, aws: Aws, queued: Job
) -> None:
    aws.wish_no_gpu(queued)
    launched_normalization(actors, aws)
    (batch_job,) = aws.batch_jobs()
    assert batch_job["jobQueue"] == aws.settings.cpu_job_queue
    assert not aws.files.read(NormalizeSpec, NORMALIZE, SPEC_NAME).use_gpu


def test_a_folder_that_still_arrives_goes_back_to_validation(actors: Coordinator) -> None:
    arriving = DatasetArriving("job", "ingest", "datasets/a/_SUCCESS", None, "digest", NOW)
    assert actors.handle("first", to_body(arriving)).job_id is None


def test_a_failed_analysis_fails_the_job(actors: Coordinator, aws: Aws, queued: Job) -> None:
    run_id = launched_spark(actors, aws)
    aws.leave(AttemptName("job", "spark", 1))
    actors.handle("third", spark_event(aws, run_id))
    actors.handle("fourth", analysis_failure("job"))
    job = aws.store.get("job")
    assert job.error is not None
    assert (job.status, job.error.code) == (Status.FAILED, "analysis_failed")
    assert "'no such'" in job.error.message


def test_a_validation_that_broke_down_fails_its_job(actors: Coordinator, aws: Aws) -> None:
    aws.begin_validation("job", "input/a b.csv", "v1")
    actors.handle("first", validation_failure(upload_event("input/a+b.csv")))
    job = aws.store.get("job")
    assert job.error is not None
    assert (job.status, job.error.code) == (Status.FAILED, "validation_failed")
    assert len(aws.store.list().jobs) == 1


def test_an_upload_that_validation_never_recorded_becomes_a_failed_job(
    actors: Coordinator, aws: Aws
) -> None:
    failure = validation_failure(upload_event("input/a+b.csv"))
    for delivery in ("first", "again"):
        assert actors.handle(delivery, failure).status == "FAILED"
    (job,) = aws.store.list().jobs
    assert job.job_id == default_id(Upload("ingest", "input/a b.csv", "v1"))
    assert job.source == Source("ingest", "input/a b.csv", "v1", NOW, 10)
    assert job.error is not None
    assert job.error.code == "validation_failed"


def test_such_a_job_has_the_id_that_the_upload_asked_for(actors: Coordinator, aws: Aws) -> None:
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="ingest")
    s3.put_bucket_versioning(Bucket="ingest", VersioningConfiguration={"Status": "Enabled"})
    told = s3.put_object(Bucket="ingest", Key="input/a.csv", Metadata={"job-id": "mine"})
    actors.handle("first", validation_failure(upload_event("input/a.csv", told["VersionId"])))
    (job,) = aws.store.list().jobs
    assert (job.job_id, job.status) == ("mine", Status.FAILED)


def test_an_upload_is_known_among_many_of_its_key(actors: Coordinator, aws: Aws) -> None:
    aws.begin_validation("mine", "input/a.csv", "v1")
    for number in range(2, 25):
        aws.begin_validation(f"job-{number:02}", "input/a.csv", f"v{number}")
    for version in ("v1", "v24"):
        actors.handle(version, validation_failure(upload_event("input/a.csv", version)))
    failed = aws.store.list(status=Status.FAILED).jobs
    assert {job.job_id for job in failed} == {"mine", "job-24"}


def test_a_failure_over_an_object_that_starts_no_job_leaves_none(
    actors: Coordinator, aws: Aws
) -> None:
    actors.handle("first", validation_failure(upload_event("input/folder/")))
    assert aws.store.list().jobs == ()


def test_a_folder_whose_job_is_gone_goes_to_the_dead_letters(actors: Coordinator) -> None:
    with pytest.raises(TryAgain, match="JobNotFound"):
        actors.handle("first", validation_failure({"settle": {"job_id": "nobody"}}))


@pytest.mark.parametrize("settling", [False, True])
def test_a_queued_job_whose_word_was_lost_goes_on_when_its_validation_is_told_failed(
    actors: Coordinator, aws: Aws, queued: Job, settling: bool
) -> None:
    payload = {"settle": {"job_id": "job"}} if settling else upload_event("input/a.csv")
    assert actors.handle("first", validation_failure(payload)).status == "NORMALIZING"
    assert len(aws.batch_jobs()) == 1
    assert actors.handle("second", validation_failure(payload)).status == "NORMALIZING"
    assert len(aws.batch_jobs()) == 1


def test_what_aws_will_never_take_fails_the_job_at_once(
    actors: Coordinator, aws: Aws, queued: Job
) -> None:
    aws.remove_gpu_queue()
    assert actors.handle("first", VALIDATED).status == "FAILED"
    job = aws.store.get("job")
    assert job.error is not None
    assert job.error.code == "launch_refused"


def test_one_bad_message_does_not_harm_the_next(actors: Coordinator, aws: Aws, queued: Job) -> None:
    with pytest.raises(TryAgain, match="UnknownMessage"):
        actors.handle("first", "nonsense")
    with pytest.raises(TryAgain, match="JobNotFound"):
        actors.handle("second", to_body(DatasetValidated("nobody")))
    assert actors.handle("third", VALIDATED).status == "NORMALIZING"
