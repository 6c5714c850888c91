"""SparkActor: the runs on EMR Serverless."""

from __future__ import annotations

from actors.stage_actor import StageActor, never_launched, vanished
from contracts.layout import METRICS_NAME, SPEC_NAME
from contracts.metrics import NormalizeMetrics
from contracts.problem import Problem
from contracts.spec import SparkSpec
from pipeline.clock import now
from pipeline.compute import SparkRun
from pipeline.compute_names import AttemptName
from pipeline.errors import BigdataError
from pipeline.job_events import (
    JobChecked,
    JobEvent,
    StageFinished,
    StageLaunched,
    StageStarted,
    StageWaiting,
)
from pipeline.messages import SparkRunChanged
from pipeline.model import Fault, Job, Stage
from pipeline.orders import LaunchStage, StopStage

WAITING = ("SUBMITTED", "PENDING", "SCHEDULED", "QUEUED")
ENDS = ("SUCCESS", "FAILED", "CANCELLED")
BUG = "ExitCode: 1."
"""In what EMR says of a driver that ended with a traceback; an outage ends it otherwise."""


class SparkActor(StageActor):
    """Starts an attempt under its client token, and asks EMR what has become of a run."""

    def launch(self, job: Job, order: LaunchStage) -> StageLaunched:
        name = AttemptName(job.job_id, order.stage.value, order.number)
        spec = self.aws.files.write(self._spec(job, name), name, SPEC_NAME)
        run_id = self.aws.spark_runs.start(name, spec, compare=job.options.compare_pipelines)
        return StageLaunched(job.job_id, order.stage, order.number, run_id)

    def _spec(self, job: Job, name: AttemptName) -> SparkSpec:
        normalize = job.latest(Stage.NORMALIZE)
        assert normalize is not None
        source = AttemptName.of(job, normalize)
        marker = self.aws.files.marker(source)
        if marker is None:
            raise BigdataError(f"{source} has no marker any more")
        metrics = self.aws.files.read(NormalizeMetrics, source, METRICS_NAME)
        parts = [file for file in marker.files if file.rows is not None]
        prefix = self.aws.files.output(source)
        return SparkSpec(
            job_id=job.job_id,
            attempt=name.number,
            inputs=tuple(str(prefix.join(part.name)) for part in parts),
            columns=tuple(metrics.columns),
            group_by=metrics.group_by,
            compare=job.options.compare_pipelines,
            rows=metrics.records,
            output=str(self.aws.files.output(name)),
        )

    def stop(self, job: Job, order: StopStage) -> JobEvent | None:
        attempt = job.attempt(order.stage, order.number)
        assert attempt is not None
        run_id = attempt.external_id
        if run_id is None:
            name = AttemptName.of(job, attempt)
            run_id = self.aws.spark_runs.find(name, attempt.claimed_at)
        if run_id is None:
            return never_launched(job, attempt)
        self.aws.spark_runs.stop(run_id)
        if attempt.external_id is None:
            return StageLaunched(job.job_id, order.stage, order.number, run_id)
        return None

    def check(self, job: Job) -> JobEvent | None:
        attempt = job.latest(Stage.SPARK)
        if attempt is None or attempt.external_id is None:
            return JobChecked(job.job_id)
        run = self.aws.spark_runs.find_run(attempt.external_id)
        if run is None:
            return vanished(job, attempt)
        if run.state in WAITING:
            return StageWaiting(
                job.job_id, attempt.stage, attempt.number, run.run_id, attempt.claimed_at
            )
        return self._said(run) or JobChecked(job.job_id)

    def resolve(self, message: SparkRunChanged) -> StageStarted | StageFinished | None:
        return self._said(self.aws.spark_runs.get(message.run_id))

    def _said(self, run: SparkRun) -> StageStarted | StageFinished | None:
        name = AttemptName.parse(run.name)
        if name is None:
            return None
        if run.state in ENDS:
            return self._finished(name, run)
        if run.state != "RUNNING":
            return None
        return StageStarted(
            name.job_id, Stage.SPARK, name.number, run.run_id, run.started_at or now()
        )

    def _finished(self, name: AttemptName, run: SparkRun) -> StageFinished:
        marker = self.aws.files.marker(name)
        succeeded = run.state == "SUCCESS" and marker is not None
        error, fault = (None, None) if succeeded else _failure(run)
        return StageFinished(
            job_id=name.job_id,
            stage=Stage.SPARK,
            number=name.number,
            external_id=run.run_id,
            started_at=run.started_at,
            finished_at=run.ended_at or now(),
            error=error,
            fault=fault,
            warnings=marker.warnings if marker else (),
            billed=run.billed,
        )


def _failure(run: SparkRun) -> tuple[Problem, Fault]:
    where = f"EMR Serverless run {run.run_id}"
    if run.state == "CANCELLED" and "timed out" in run.details:
        return Problem(
            "timed_out", f"The Spark run took too long. {run.details}", where
        ), Fault.OURS
    if run.state == "CANCELLED":
        told = f"Somebody cancelled the Spark run. {run.details}".strip()
        return Problem("terminated", told, where), Fault.STOPPED
    if run.state == "SUCCESS":
        return Problem(
            "no_marker", "The Spark run succeeded but left no marker.", where
        ), Fault.OURS
    told = f"The Spark run failed: {run.details} Its driver log tells more."
    fault = Fault.OURS if BUG in run.details else Fault.OUTAGE
    return Problem("spark_failed", told, where), fault
