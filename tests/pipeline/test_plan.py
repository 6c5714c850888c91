"""The flow, decided, case by case; tests/coordination has it meet everything at random."""

from dataclasses import replace

import pytest

from contracts.problem import Problem
from pipeline.clock import later
from pipeline.job_events import (
    CancelRequested,
    DatasetValidated,
    JobChecked,
    StageFinished,
    StageLaunched,
    StageResumed,
    StageStarted,
    StageWaiting,
)
from pipeline.model import (
    Attempt,
    AttemptState,
    Fault,
    Job,
    Source,
    Stage,
    Status,
    Totals,
)
from pipeline.orders import LaunchStage, LookAgain, StopStage
from pipeline.plan import (
    ATTEMPTS,
    BACKOFF_SECONDS,
    GPU_PATIENCE_SECONDS,
    LEASE_SECONDS,
    MAX_CLAIMS,
    PATIENCE_SECONDS,
    Decision,
    Turn,
    plan,
)

T0 = "2026-11-23T10:00:00.000Z"
TURN = Turn("me", T0)
TOTALS = Totals(10, 5.0, 1.0, 0.01, 0.001, 2.0, True, "DataFrame is 2.0x faster")


def queued_job() -> Job:
    validated = Attempt(
        Stage.VALIDATE, 1, AttemptState.SUCCEEDED, T0, started_at=T0, finished_at=T0
    )
    source = Source("ingest", "input/a.csv", "v1", T0)
    return Job("job", Status.QUEUED, source, T0, T0, version=1, attempts=(validated,))


def finished(stage: Stage, number: int = 1, **fields: object) -> StageFinished:
    return StageFinished("job", stage, number, finished_at=T0, **fields)  # type: ignore[arg-type]


def normalizing_job() -> Job:
    return plan(queued_job(), DatasetValidated("job"), TURN).job


def test_a_validated_dataset_is_claimed_for_normalization_and_launched() -> None:
    decision = plan(queued_job(), DatasetValidated("job"), TURN)
    attempt = decision.job.latest(Stage.NORMALIZE)
    assert decision.job.status is Status.NORMALIZING
    assert attempt is not None
    assert (attempt.state, attempt.owner) == (AttemptState.CLAIMED, "me")
    assert decision.order == LaunchStage(Stage.NORMALIZE, 1, look_first=False)


def test_a_second_delivery_launches_nothing() -> None:
    job = normalizing_job()
    decision = plan(job, DatasetValidated("job"), Turn("other", later(T0, 1)))
    assert decision.order is None
    assert decision.job == job


def test_a_claim_whose_owner_vanished_is_taken_over_after_its_lease() -> None:
    decision = plan(normalizing_job(), DatasetValidated("job"), Turn("other", later(T0, 121)))
    attempt = decision.job.latest(Stage.NORMALIZE)
    assert attempt is not None
    assert attempt.owner == "other"
    assert decision.order == LaunchStage(Stage.NORMALIZE, 1, look_first=True)


def given_up(job: Job) -> Decision:
    """What comes of an attempt that nobody can launch, or stop."""
    now = T0
    for claim in range(2, MAX_CLAIMS + 1):
        now = later(now, LEASE_SECONDS)
        decision = plan(job, JobChecked("job"), Turn(f"owner-{claim}", now))
        assert isinstance(decision.order, LaunchStage | StopStage)
        job = decision.job
    return plan(job, JobChecked("job"), Turn("the last", later(now, LEASE_SECONDS)))


def test_what_can_never_be_launched_fails_with_a_name() -> None:
    decision = given_up(normalizing_job())
    assert decision.order == StopStage(Stage.NORMALIZE, 1)
    assert decision.job.status is Status.FAILED
    assert decision.job.error is not None
    assert decision.job.error.code == "not_launched"


def test_an_analysis_that_can_never_be_launched_is_not_stopped() -> None:
    analyzing = replace(normalizing_job(), status=Status.ANALYZING)
    attempts = (*analyzing.attempts[:-1], replace(analyzing.attempts[-1], stage=Stage.ANALYZE))
    decision = given_up(replace(analyzing, attempts=attempts))
    assert (decision.order, decision.job.status) == (None, Status.FAILED)


def test_what_was_to_be_cancelled_and_is_given_up_is_cancelled() -> None:
    cancelled = plan(normalizing_job(), CancelRequested("job", T0, "why"), Turn("other", T0)).job
    decision = given_up(cancelled)
    assert decision.order == StopStage(Stage.NORMALIZE, 1)
    assert decision.job.status is Status.CANCELLED


def test_work_that_begins_after_its_job_was_given_up_is_stopped() -> None:
    job = given_up(normalizing_job()).job
    started = StageStarted("job", Stage.NORMALIZE, 1, "batch-1", T0)
    assert plan(job, started, TURN) == Decision(job, StopStage(Stage.NORMALIZE, 1))
    known = replace(normalizing_job().attempts[-1], external_id="batch-1")
    late = replace(job, attempts=(known,))
    assert plan(late, started, TURN) == Decision(late)


def test_an_owner_that_lost_the_answer_to_its_own_save_goes_on() -> None:
    decision = plan(normalizing_job(), DatasetValidated("job"), TURN)
    assert decision.order == LaunchStage(Stage.NORMALIZE, 1, look_first=True)


def test_an_event_from_before_the_id_was_saved_is_not_lost() -> None:
    started = StageStarted("job", Stage.NORMALIZE, 1, "batch-1", T0)
    job = plan(normalizing_job(), started, TURN).job
    assert plan(job, StageLaunched("job", Stage.NORMALIZE, 1, "batch-1"), TURN).job == job
    attempt = job.latest(Stage.NORMALIZE)
    assert attempt is not None
    assert (attempt.state, attempt.external_id) == (AttemptState.RUNNING, "batch-1")


def test_each_stage_leads_to_the_next() -> None:
    job = normalizing_job()
    seen = [job.status]
    for stage in (Stage.NORMALIZE, Stage.SPARK, Stage.ANALYZE):
        job = plan(job, finished(stage, external_id=stage.value, totals=TOTALS), TURN).job
        seen.append(job.status)
    assert seen == [Status.NORMALIZING, Status.PROCESSING, Status.ANALYZING, Status.COMPLETED]
    assert job.totals == TOTALS


def test_a_refused_input_is_rejected_before_spark_is_paid_for() -> None:
    problem = Problem("truncated", "The file ends too early.", "row group 3")
    decision = plan(
        normalizing_job(), finished(Stage.NORMALIZE, error=problem, fault=Fault.INPUT), TURN
    )
    assert (decision.job.status, decision.job.error) == (Status.REJECTED, problem)
    assert decision.order is None


@pytest.mark.parametrize("fault", [Fault.HOST, Fault.OUTAGE])
def test_what_may_succeed_next_time_is_tried_again_later_and_then_fails_the_job(
    fault: Fault,
) -> None:
    problem = Problem("some_outage", "S3 did not answer")
    job, now, pauses = normalizing_job(), T0, []
    for number in range(1, ATTEMPTS[fault] + 1):
        failed = finished(Stage.NORMALIZE, number, error=problem, fault=fault)
        decision = plan(job, failed, Turn("me", now))
        job = decision.job
        if job.status.is_end:
            break
        assert isinstance(decision.order, LookAgain)
        pauses.append(decision.order.seconds)
        early = plan(job, JobChecked("job"), Turn("you", later(now, pauses[-1] - 2)))
        assert early.order is None
        now = later(now, pauses[-1])
        due = plan(job, JobChecked("job"), Turn("you", now))
        assert due.order == LaunchStage(Stage.NORMALIZE, number + 1, look_first=True)
        job = due.job
    assert (job.status, job.error) == (Status.FAILED, problem)
    assert len(pauses) == ATTEMPTS[fault] - 1
    for number, pause in enumerate(pauses):
        assert 0.5 * BACKOFF_SECONDS * 2**number <= pause <= BACKOFF_SECONDS * 2**number + 1


def test_losing_hosts_does_not_count_against_what_outages_are_granted() -> None:
    problem = Problem("lost", "gone")
    job, now = normalizing_job(), T0
    faults = (Fault.HOST, Fault.OUTAGE, Fault.HOST, Fault.OUTAGE)
    for number, fault in enumerate(faults, start=1):
        now = later(now, 1000)
        job = plan(job, JobChecked("job"), Turn("me", now)).job
        failed = finished(Stage.NORMALIZE, number, error=problem, fault=fault)
        job = plan(job, failed, Turn("me", now)).job
        assert job.status is Status.NORMALIZING


def test_jobs_that_fail_together_do_not_come_back_together() -> None:
    problem = Problem("outage", "S3 did not answer")
    failed = finished(Stage.NORMALIZE, error=problem, fault=Fault.OUTAGE)
    orders = {
        plan(replace(normalizing_job(), job_id=f"job-{n}"), failed, TURN).order for n in range(50)
    }
    assert len(orders) > 5


@pytest.mark.parametrize("fault", [Fault.OURS, Fault.STOPPED, None])
def test_what_would_fail_again_fails_the_job_at_once(fault: Fault | None) -> None:
    problem = Problem("normalization_failed", "exit code 1", "log stream x")
    decision = plan(normalizing_job(), finished(Stage.NORMALIZE, error=problem, fault=fault), TURN)
    assert (decision.job.status, decision.job.error) == (Status.FAILED, problem)
    assert decision.order is None


def waiting(since: str, number: int = 1) -> StageWaiting:
    return StageWaiting("job", Stage.NORMALIZE, number, "batch-1", since)


def launched(job: Job) -> Job:
    return plan(job, StageLaunched("job", Stage.NORMALIZE, 1, "batch-1"), TURN).job


def test_without_a_gpu_in_time_the_cpu_does_the_work_with_a_warning() -> None:
    job = launched(normalizing_job())
    patient = plan(job, waiting(T0), Turn("me", later(T0, GPU_PATIENCE_SECONDS - 1)))
    assert (patient.job, patient.order) == (job, None)
    stopping = plan(job, waiting(T0), Turn("me", later(T0, GPU_PATIENCE_SECONDS)))
    assert stopping.order == StopStage(Stage.NORMALIZE, 1)
    ended = finished(Stage.NORMALIZE, error=Problem("terminated", "x"), fault=Fault.STOPPED)
    decision = plan(stopping.job, ended, TURN)
    assert decision.order == LaunchStage(Stage.NORMALIZE, 2, look_first=False)
    second = decision.job.latest(Stage.NORMALIZE)
    assert second is not None and not second.use_gpu
    assert "no GPU" in decision.job.warnings[0]
    again = plan(launched(decision.job), waiting(T0, 2), Turn("me", later(T0, 3600)))
    assert again.order is None


def test_a_gpu_that_comes_while_it_is_given_up_is_welcome() -> None:
    job = launched(normalizing_job())
    stopping = plan(job, waiting(T0), Turn("me", later(T0, GPU_PATIENCE_SECONDS))).job
    assert plan(stopping, finished(Stage.NORMALIZE), TURN).job.status is Status.PROCESSING


def test_work_that_no_machine_is_ever_found_for_fails_with_a_name() -> None:
    no_gpu = replace(queued_job(), options=replace(queued_job().options, gpu_enabled=False))
    job = launched(plan(no_gpu, DatasetValidated("job"), TURN).job)
    stopping = plan(job, waiting(T0), Turn("me", later(T0, PATIENCE_SECONDS[Stage.NORMALIZE])))
    assert stopping.order == StopStage(Stage.NORMALIZE, 1)
    ended = finished(Stage.NORMALIZE, error=Problem("terminated", "x"), fault=Fault.STOPPED)
    failed = plan(stopping.job, ended, TURN).job
    assert failed.error is not None
    assert (failed.status, failed.error.code) == (Status.FAILED, "no_capacity")


def test_that_work_waits_tells_that_it_was_launched() -> None:
    attempt = plan(normalizing_job(), waiting(T0), TURN).job.latest(Stage.NORMALIZE)
    assert attempt is not None
    assert (attempt.state, attempt.external_id) == (AttemptState.LAUNCHED, "batch-1")


CANCEL = CancelRequested("job", T0, "wrong file")


@pytest.mark.parametrize("status", [Status.SUBMITTED, Status.VALIDATING, Status.QUEUED])
def test_a_job_that_computes_nothing_is_cancelled_at_once(status: Status) -> None:
    decision = plan(replace(queued_job(), status=status), CANCEL, TURN)
    assert decision.job.error == Problem("cancelled", "Cancelled on request: wrong file")
    assert (decision.job.status, decision.order) == (Status.CANCELLED, None)


def test_a_job_is_cancelled_when_its_work_has_really_stopped() -> None:
    asked = plan(launched(normalizing_job()), CANCEL, TURN)
    assert asked.job.status is Status.NORMALIZING
    assert asked.order == StopStage(Stage.NORMALIZE, 1)
    ended = finished(Stage.NORMALIZE, error=Problem("terminated", "x"), fault=Fault.STOPPED)
    job = plan(asked.job, ended, TURN).job
    assert job.status is Status.CANCELLED
    assert [a.state for a in job.attempts] == [AttemptState.SUCCEEDED, AttemptState.STOPPED]


@pytest.mark.parametrize("error", [None, Problem("lost", "x")])
def test_a_cancelled_job_begins_nothing_new_however_its_work_ends(error: Problem | None) -> None:
    asked = plan(launched(normalizing_job()), CANCEL, TURN).job
    ended = finished(Stage.NORMALIZE, error=error, fault=Fault.HOST if error else None)
    decision = plan(asked, ended, TURN)
    assert (decision.job.status, decision.order) == (Status.CANCELLED, None)


def test_a_launch_that_is_under_way_is_stopped_when_it_is_known() -> None:
    asked = plan(normalizing_job(), CANCEL, Turn("you", later(T0, 20)))
    assert asked.order == LookAgain(LEASE_SECONDS - 20)
    known = plan(asked.job, StageLaunched("job", Stage.NORMALIZE, 1, "batch-1"), TURN)
    assert known.order == StopStage(Stage.NORMALIZE, 1)


def test_a_launch_whose_owner_vanished_is_looked_for_and_stopped() -> None:
    asked = plan(normalizing_job(), CANCEL, Turn("you", later(T0, 20))).job
    late = plan(asked, JobChecked("job"), Turn("you", later(T0, LEASE_SECONDS)))
    assert late.order == StopStage(Stage.NORMALIZE, 1)


def test_an_attempt_that_waits_for_its_time_is_cancelled_at_once() -> None:
    failed = finished(Stage.NORMALIZE, error=Problem("lost", "x"), fault=Fault.HOST)
    job = plan(normalizing_job(), failed, TURN).job
    assert plan(job, CANCEL, TURN).job.status is Status.CANCELLED


def test_an_analysis_is_not_waited_for() -> None:
    job = normalizing_job()
    for stage in (Stage.NORMALIZE, Stage.SPARK):
        job = plan(job, finished(stage), TURN).job
    cancelled = plan(job, CANCEL, TURN).job
    assert cancelled.status is Status.CANCELLED
    assert plan(cancelled, finished(Stage.ANALYZE, totals=TOTALS), TURN).job == cancelled


def test_a_refused_input_stays_one_when_it_was_to_be_cancelled() -> None:
    asked = plan(launched(normalizing_job()), CANCEL, TURN).job
    refused = finished(Stage.NORMALIZE, error=Problem("truncated", "x"), fault=Fault.INPUT)
    assert plan(asked, refused, TURN).job.status is Status.REJECTED


def test_the_first_cancellation_counts() -> None:
    asked = plan(launched(normalizing_job()), CANCEL, TURN).job
    again = plan(asked, CancelRequested("job", T0, "another reason"), TURN)
    assert again.job == asked
    assert again.order == StopStage(Stage.NORMALIZE, 1)


def test_a_function_that_was_called_again_is_given_time() -> None:
    job = replace(queued_job(), status=Status.VALIDATING)
    assert plan(job, StageResumed("job"), Turn("me", later(T0, 9))).job.updated_at == later(T0, 9)


def test_the_history_tells_what_happened_and_when() -> None:
    job = launched(normalizing_job())
    job = plan(job, CANCEL, Turn("me", later(T0, 5))).job
    told = [(line.at, line.subject, line.event, line.detail) for line in job.history]
    assert told == [
        (T0, "job", "NORMALIZING", ""),
        (T0, "normalize-1", "claimed", "by me"),
        (T0, "normalize-1", "launched", "batch-1"),
        (later(T0, 5), "job", "cancellation requested", "wrong file"),
        (later(T0, 5), "normalize-1", "being stopped", "cancel"),
    ]


def test_a_late_word_of_a_former_attempt_changes_nothing() -> None:
    problem = Problem("normalization_failed", "exit code 1")
    failed = finished(Stage.NORMALIZE, error=problem, fault=Fault.HOST)
    second = plan(normalizing_job(), failed, TURN).job
    known = plan(second, StageLaunched("job", Stage.NORMALIZE, 2, "batch-2"), TURN).job
    assert plan(known, finished(Stage.NORMALIZE, 1), TURN).job == known


def test_a_validation_that_broke_down_before_it_noted_itself_fails_the_job() -> None:
    job = replace(queued_job(), status=Status.VALIDATING, attempts=())
    problem = Problem("validation_failed", "out of memory")
    assert plan(job, finished(Stage.VALIDATE, error=problem), TURN).job.status is Status.FAILED


@pytest.mark.parametrize(
    "end", [Status.COMPLETED, Status.REJECTED, Status.FAILED, Status.CANCELLED]
)
def test_an_end_is_never_left(end: Status) -> None:
    job = replace(normalizing_job(), status=end)
    assert plan(job, finished(Stage.NORMALIZE), Turn("other", later(T0, 999))).job == job
