"""Random schedules: whatever AWS and our own processes do, every job comes to one end.

Hypothesis chooses the schedule: which message comes when and how often, which events are lost,
where a process dies, which reply is lost, how work ends. Then nothing more goes wrong, the
reconciler runs every minute, and every job must end, with nothing of it left at work.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from contracts.manifest import Options
from handlers.problem_details import HttpProblem
from pipeline.job_events import CancelRequested
from pipeline.model import Job, Status
from pipeline.rerun import is_validated
from tests.coordination.simulated_aws import Caller, Died, Mishap
from tests.coordination.simulated_pipeline import (
    FAILS,
    HOST_LOST,
    OUTAGE,
    REJECTS,
    SUCCEEDS,
    SimulatedPipeline,
)

SEED = int(os.environ.get("SEED", secrets.randbelow(2**32)))
SCHEDULES = int(os.environ.get("SCHEDULES", 1000))
MOST_MINUTES = 24 * 60
STEPS_OF_A_SCHEDULE = 25

INDEX = st.integers(0, 1000)
MISHAPS = [None] * (3 * len(Mishap)) + list(Mishap)
CHANGES = ["PutItem", "SendMessage", "SubmitJob", "StartJobRun", "PutObject"]
CALLERS = st.builds(
    Caller, st.sampled_from(MISHAPS), st.one_of(st.integers(0, 9), st.sampled_from(CHANGES))
)
OUTCOMES = st.sampled_from([SUCCEEDS] * 8 + [HOST_LOST] * 3 + [OUTAGE] * 3 + [REJECTS, FAILS])
BROKEN = [""] * 12 + ["SubmitJob", "StartJobRun", "ListJobs", "TerminateJob"]
LAGS = [0.0, 0.0, 30.0, 600.0]
PAUSES = st.sampled_from([0.5, 5, 30, 70, 130, 400, 1000])


FAILURES = {
    *("normalization_failed", "spark_failed", "service_unavailable", "host_lost"),
    *("validation_failed", "validation_lost", "analysis_failed", "analysis_lost"),
    *("upload_failed", "not_launched"),
}
CODES = {
    Status.COMPLETED: {None},
    Status.REJECTED: {"truncated"},
    Status.CANCELLED: {"cancelled"},
    Status.FAILED: FAILURES,
}
"""How a job may end here, where nobody but us stops work and nothing is forgotten."""


@dataclass(frozen=True)
class Step:
    """Which of the things that may happen next, and how."""

    index: int
    caller: Caller
    again: bool
    outcome: str


STEPS = st.lists(st.builds(Step, INDEX, CALLERS, st.booleans(), OUTCOMES), min_size=1, max_size=8)


class Schedule(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.pipeline = SimulatedPipeline()
        self.aws = self.pipeline.aws

    @initialize(drops=st.booleans(), broken=st.sampled_from(BROKEN), lag=st.sampled_from(LAGS))
    def break_aws(self, drops: bool, broken: str, lag: float) -> None:
        """What does not work from the beginning to the end."""
        self.pipeline.drops_spark_events = drops
        self.pipeline.broken_operation = broken
        self.aws.list_jobs_lag_seconds = lag

    @initialize(jobs=st.integers(1, 2), gpu=st.booleans(), compare=st.booleans())
    def upload(self, jobs: int, gpu: bool, compare: bool) -> None:
        options = {"gpu-enabled": str(gpu).lower(), "compare-pipelines": str(compare).lower()}
        for number in range(jobs):
            metadata = {"job-id": f"job-{number}", **options}
            self.pipeline.upload(f"input/{number}.csv", metadata)

    @rule(steps=STEPS)
    def go_on(self, steps: list[Step]) -> None:
        for step in steps:
            possible = self.possible()
            if possible:
                possible[step.index % len(possible)](step)
            else:
                self.aws.clock.seconds += 60

    def possible(self) -> list[Callable[[Step], None]]:
        """What may happen now."""
        pipeline = self.pipeline
        return [
            *(
                partial(lambda it, step: pipeline.run_function(it, step.caller), each)
                for each in self.visible(self.aws.invocations)
            ),
            *(
                partial(lambda it, step: pipeline.deliver(it, step.caller, again=step.again), each)
                for each in self.visible(self.aws.messages)
            ),
            *(
                partial(lambda it, step: pipeline.place_batch_job(it), each)
                for each in self.batch_jobs("RUNNABLE")
            ),
            *(
                partial(lambda it, step: pipeline.start_batch_job(it), each)
                for each in self.batch_jobs("STARTING")
            ),
            *(
                partial(lambda it, step: pipeline.end_batch_job(it, step.outcome), each)
                for each in self.batch_jobs("RUNNING")
            ),
            *(
                partial(lambda it, step: pipeline.start_spark_run(it), each)
                for each in self.spark_runs("SCHEDULED")
            ),
            *(
                partial(lambda it, step: pipeline.end_spark_run(it, step.outcome), each)
                for each in self.spark_runs("RUNNING", "CANCELLING")
            ),
        ]

    def visible(self, things: list[Any]) -> list[Any]:
        return [each for each in things if each.visible_at <= self.aws.clock.seconds]

    def batch_jobs(self, *states: str) -> list[dict[str, Any]]:
        return [job for job in self.aws.batch_jobs.values() if job["status"] in states]

    def spark_runs(self, *states: str) -> list[dict[str, Any]]:
        return [run for run in self.aws.spark_runs.values() if run["state"] in states]

    @precondition(lambda self: self.visible(self.aws.messages))
    @rule(index=INDEX)
    def lose_message(self, index: int) -> None:
        """It comes to the dead-letter queue."""
        waiting = self.visible(self.aws.messages)
        self.pipeline.give_up(waiting[index % len(waiting)])

    @precondition(lambda self: self.pipeline.dead)
    @rule()
    def redrive(self) -> None:
        self.pipeline.redrive()

    @rule(number=st.integers(0, 1), gpu=st.booleans(), caller=CALLERS)
    def post(self, number: int, gpu: bool, caller: Caller) -> None:
        failures = (ClientError, ReadTimeoutError, HttpProblem, Died)
        with suppress(*failures), self.pipeline.process(caller):
            self.pipeline.post(f"posted-{number}", Options(gpu_enabled=gpu))

    @rule(seconds=PAUSES)
    def wait(self, seconds: float) -> None:
        self.aws.clock.seconds += seconds

    @rule()
    def have_no_machine(self) -> None:
        """A quarter of an hour passes, in which nothing but the reconciler moves."""
        self.aws.clock.seconds += 16 * 60
        self.pipeline.reconcile()
        for message in self.visible(self.aws.messages):
            self.pipeline.deliver(message, Caller(), again=False)

    @rule(caller=CALLERS)
    def reconcile(self, caller: Caller) -> None:
        with suppress(ClientError, ReadTimeoutError, Died), self.pipeline.process(caller):
            self.pipeline.reconcile()

    @precondition(lambda self: self.pipeline.saved)
    @rule(index=INDEX, really=st.sampled_from([True, False, False, False]))
    def cancel(self, index: int, really: bool) -> None:
        if not really:
            return
        job_ids = sorted(self.pipeline.saved)
        event = CancelRequested(job_ids[index % len(job_ids)], "2026-11-23T10:00:00.000Z", "why")
        self.pipeline.queue.send(event)

    @precondition(lambda self: self.ended_jobs())
    @rule(index=INDEX, whole=st.booleans(), caller=CALLERS)
    def rerun(self, index: int, whole: bool, caller: Caller) -> None:
        jobs = self.ended_jobs()
        with suppress(ClientError, ReadTimeoutError, Died), self.pipeline.process(caller):
            self.pipeline.rerun(jobs[index % len(jobs)], whole)

    def ended_jobs(self) -> list[Job]:
        jobs = self.pipeline.saved.values()
        return [job for job in jobs if job.status.is_end and is_validated(job)]

    def teardown(self) -> None:
        try:
            self.come_to_rest()
            self.check_ends()
        finally:
            self.pipeline.close()

    def come_to_rest(self) -> None:
        """From here on nothing goes wrong."""
        pipeline, aws = self.pipeline, self.aws
        for _ in range(MOST_MINUTES):
            for invocation in self.visible(aws.invocations):
                pipeline.run_function(invocation, Caller())
            for message in self.visible(aws.messages):
                pipeline.deliver(message, Caller(), again=False)
            for job in self.batch_jobs("RUNNABLE"):
                pipeline.place_batch_job(job)
            for job in self.batch_jobs("STARTING"):
                pipeline.start_batch_job(job)
            for job in self.batch_jobs("RUNNING"):
                pipeline.end_batch_job(job, SUCCEEDS)
            for run in self.spark_runs("SCHEDULED"):
                pipeline.start_spark_run(run)
            for run in self.spark_runs("RUNNING", "CANCELLING"):
                pipeline.end_spark_run(run, SUCCEEDS)
            if self.is_at_rest():
                return
            aws.clock.seconds += 60
            pipeline.reconcile()

    def is_at_rest(self) -> bool:
        jobs = self.pipeline.saved.values()
        alive = self.batch_jobs("RUNNABLE", "STARTING", "RUNNING") or self.spark_runs(
            "SCHEDULED", "RUNNING", "CANCELLING"
        )
        waiting = self.aws.messages or self.aws.invocations
        return not alive and not waiting and all(job.status.is_end for job in jobs)

    def check_ends(self) -> None:
        assert self.is_at_rest(), [job.history for job in self.pipeline.saved.values()]
        for job in self.pipeline.saved.values():
            code = job.error.code if job.error else None
            assert code in CODES[job.status], job
            assert not job.cancellation or job.status is not Status.COMPLETED
            assert code != "not_launched" or self.pipeline.broken_operation
        for name, work_ids in self.pipeline.has_worked.items():
            assert len(set(work_ids)) == 1, f"{work_ids} have done the same work: {name}"


def test_whatever_happens_every_job_comes_to_one_end(capsys: pytest.CaptureFixture[str]) -> None:
    seed(SEED)(Schedule)
    chosen = settings(
        max_examples=SCHEDULES,
        stateful_step_count=STEPS_OF_A_SCHEDULE,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    with capsys.disabled():
        print(f"\n{SCHEDULES} schedules; to replay them: SEED={SEED} make model")
    run_state_machine_as_test(Schedule, settings=chosen)
