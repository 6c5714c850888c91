"""The flow, decided: by cases, and by a world that duplicates, reorders and crashes."""

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.problem import Problem
from pipeline.clock import later
from pipeline.messages import DatasetValidated, StageFinished, StageLaunched, StageStarted
from pipeline.model import Attempt, AttemptState, Job, Source, Stage, Status, Totals
from pipeline.plan import LEASE_SECONDS, MAX_ATTEMPTS, Turn, plan

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
    assert decision.order is not None
    assert (decision.order.stage, decision.order.number) == (Stage.NORMALIZE, 1)
    assert not decision.order.look_first


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
    assert decision.order is not None
    assert decision.order.look_first


def test_an_owner_that_lost_the_answer_to_its_own_save_goes_on() -> None:
    decision = plan(normalizing_job(), DatasetValidated("job"), TURN)
    assert decision.order is not None
    assert decision.order.look_first


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
        normalizing_job(), finished(Stage.NORMALIZE, error=problem, rejected=True), TURN
    )
    assert (decision.job.status, decision.job.error) == (Status.REJECTED, problem)
    assert decision.order is None


def test_a_failure_is_tried_again_and_then_fails_the_job() -> None:
    problem = Problem("normalization_failed", "exit code 1")
    decision = plan(
        normalizing_job(), finished(Stage.NORMALIZE, error=problem, retryable=True), TURN
    )
    assert decision.job.status is Status.NORMALIZING
    assert decision.order is not None
    assert decision.order.number == MAX_ATTEMPTS
    last = finished(Stage.NORMALIZE, MAX_ATTEMPTS, error=problem, retryable=True)
    job = plan(decision.job, last, TURN).job
    assert (job.status, job.error) == (Status.FAILED, problem)


def test_a_late_word_of_a_former_attempt_changes_nothing() -> None:
    problem = Problem("normalization_failed", "exit code 1")
    failed = finished(Stage.NORMALIZE, error=problem, retryable=True)
    second = plan(normalizing_job(), failed, TURN).job
    launched = plan(second, StageLaunched("job", Stage.NORMALIZE, 2, "batch-2"), TURN).job
    assert plan(launched, finished(Stage.NORMALIZE, 1), TURN).job == launched


def test_a_validation_that_broke_down_before_it_noted_itself_fails_the_job() -> None:
    job = replace(queued_job(), status=Status.VALIDATING, attempts=())
    problem = Problem("validation_failed", "out of memory")
    assert plan(job, finished(Stage.VALIDATE, error=problem), TURN).job.status is Status.FAILED


@pytest.mark.parametrize("end", [Status.COMPLETED, Status.REJECTED, Status.FAILED])
def test_an_end_is_never_left(end: Status) -> None:
    job = replace(normalizing_job(), status=end)
    assert plan(job, finished(Stage.NORMALIZE), Turn("other", later(T0, 999))).job == job


class World:
    """A queue that duplicates and reorders, owners that die, AWS that answers by events."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.job = queued_job()
        self.inbox: list[object] = [DatasetValidated("job")]
        self.launched: dict[tuple[Stage, int], str] = {}
        self.clock = T0
        self.statuses = [self.job.status]

    def run(self) -> None:
        for turn in range(500):
            if self.job.status.is_end:
                return
            if not self.inbox:
                self.clock = later(self.clock, LEASE_SECONDS + 1)
                self.inbox.append(DatasetValidated("job"))
            event = self.inbox.pop(self.random.randrange(len(self.inbox)))
            if self.random.random() < 0.2:
                self.inbox.append(event)
            self.deliver(event, Turn(f"owner-{turn}", self.clock))
            self.clock = later(self.clock, self.random.choice([0.01, 1, 30]))

    def deliver(self, event: object, turn: Turn) -> None:
        while event is not None:
            decision = plan(self.job, event, turn)  # type: ignore[arg-type]
            self.job = decision.job
            self.statuses.append(self.job.status)
            if decision.order is None:
                return
            if self.random.random() < 0.2:
                self.inbox.append(event)  # died before the launch: SQS brings the message again
                return
            event = self.launch(decision.order.stage, decision.order.number, decision.order)

    def launch(self, stage: Stage, number: int, order: object) -> StageLaunched | None:
        again = (stage, number) in self.launched
        assert not again or order.look_first  # type: ignore[attr-defined]
        external_id = self.launched.setdefault((stage, number), f"{stage}-{number}")
        if not again:
            fails = number < MAX_ATTEMPTS and self.random.random() < 0.3
            problem = Problem("lost", "the host was lost") if fails else None
            self.inbox += [
                StageStarted("job", stage, number, external_id, self.clock),
                finished(stage, number, external_id=external_id, error=problem, retryable=fails),
            ]
        if self.random.random() < 0.2:
            return None  # died between the launch and the save of its id
        return StageLaunched("job", stage, number, external_id)


@given(st.integers())
@settings(max_examples=300, deadline=None)
def test_whatever_the_order_the_job_completes_and_nothing_is_launched_twice(seed: int) -> None:
    world = World(seed)
    world.run()
    assert world.job.status is Status.COMPLETED
    ranks = [status.rank for status in world.statuses]
    assert ranks == sorted(ranks)
