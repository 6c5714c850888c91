"""Every call to AWS that a quiet run makes, and everything that may happen at it, one at a time.

The calls are discovered by a first run, so that a new one is covered by itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from pipeline.model import Job, Status
from tests.coordination.simulated_aws import Caller, Mishap
from tests.coordination.simulated_pipeline import SUCCEEDS, SimulatedPipeline

MOST_MINUTES = 30


@dataclass(frozen=True)
class Point:
    """The call number `call` of the process number `process`, both counted from 0."""

    process: int
    call: int
    operation: str


class Run:
    """One job from its upload to its end, with `mishap` at `point` and none elsewhere."""

    def __init__(self, point: Point | None = None, mishap: Mishap | None = None) -> None:
        self.pipeline = SimulatedPipeline()
        self.callers: list[Caller] = []
        self._point = point
        self._mishap = mishap

    def caller(self) -> Caller:
        """Of the next process."""
        is_struck = self._point is not None and self._point.process == len(self.callers)
        caller = Caller(self._mishap, self._point.call) if is_struck and self._point else Caller()
        self.callers.append(caller)
        return caller

    def to_end(self) -> Job:
        pipeline, aws = self.pipeline, self.pipeline.aws
        pipeline.upload("input/a.csv", {"job-id": "job"})
        for _ in range(MOST_MINUTES * 60):
            for invocation in [i for i in aws.invocations if i.visible_at <= aws.clock.seconds]:
                pipeline.run_function(invocation, self.caller())
            for message in [m for m in aws.messages if m.visible_at <= aws.clock.seconds]:
                pipeline.deliver(message, self.caller(), again=False)
            self._compute()
            job = pipeline.saved.get("job")
            if job and job.status.is_end and not aws.messages and not aws.invocations:
                return job
            aws.clock.seconds += 1
            if aws.clock.seconds % 60 == 0:
                pipeline.reconcile()
        raise AssertionError(f"the job does not come to its end: {pipeline.saved.get('job')}")

    def _compute(self) -> None:
        pipeline, aws = self.pipeline, self.pipeline.aws
        for job in aws.batch_jobs.values():
            if job["status"] == "RUNNING":
                pipeline.end_batch_job(job, SUCCEEDS)
            elif job["status"] == "STARTING":
                pipeline.start_batch_job(job)
            elif job["status"] == "RUNNABLE":
                pipeline.place_batch_job(job)
        for run in aws.spark_runs.values():
            if run["state"] == "RUNNING":
                pipeline.end_spark_run(run, SUCCEEDS)
            elif run["state"] == "SCHEDULED":
                pipeline.start_spark_run(run)


def points() -> list[Point]:
    run = Run()
    try:
        job = run.to_end()
    finally:
        run.pipeline.close()
    assert job.status is Status.COMPLETED
    return [
        Point(process, call, operation)
        for process, caller in enumerate(run.callers)
        for call, operation in enumerate(caller.operations)
    ]


POINTS = points()


@pytest.mark.parametrize("mishap", Mishap, ids=lambda mishap: mishap.name.lower())
@pytest.mark.parametrize(
    "point", POINTS, ids=[f"{p.process}.{p.call}-{p.operation}" for p in POINTS]
)
def test_a_job_survives_whatever_happens_at_one_call(point: Point, mishap: Mishap) -> None:
    run = Run(point, mishap)
    try:
        job = run.to_end()
    finally:
        run.pipeline.close()
    assert run.callers[point.process].operations[point.call] == point.operation
    assert job.status is Status.COMPLETED, job
    assert [attempt.number for attempt in job.attempts] == [1, 1, 1, 1]
    assert {name: len(ids) for name, ids in run.pipeline.has_worked.items()} == {
        "bigdata-job--normalize-1": 1,
        "bigdata-job--spark-1": 1,
    }
    assert len(run.pipeline.aws.spark_runs) == 1


def test_every_service_that_changes_something_is_among_the_calls() -> None:
    assert {point.operation for point in POINTS} >= {
        *("PutItem", "SendMessage", "PutObject", "SubmitJob", "StartJobRun", "Invoke"),
    }
    print(f"\n{len(POINTS)} calls, {len(POINTS) * len(Mishap)} mishaps")
