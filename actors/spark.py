"""SparkActor: the runs on EMR Serverless."""

from __future__ import annotations

from actors.stage_actor import StageActor
from contracts.layout import METRICS_NAME, SPEC_NAME
from contracts.metrics import NormalizeMetrics
from contracts.problem import Problem
from contracts.spec import SparkSpec
from pipeline.clock import now
from pipeline.compute import SparkRun
from pipeline.compute_names import AttemptName
from pipeline.errors import BigdataError
from pipeline.messages import (
    LaunchStage,
    SparkRunChanged,
    StageFinished,
    StageLaunched,
    StageStarted,
)
from pipeline.model import Job, Stage

ENDS = ("SUCCESS", "FAILED", "CANCELLED")


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
        source = AttemptName(job.job_id, normalize.stage.value, normalize.number)
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

    def resolve(self, message: SparkRunChanged) -> StageStarted | StageFinished | None:
        run = self.aws.spark_runs.get(message.run_id)
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
        return StageFinished(
            job_id=name.job_id,
            stage=Stage.SPARK,
            number=name.number,
            external_id=run.run_id,
            started_at=run.started_at,
            finished_at=run.ended_at or now(),
            error=None if succeeded else _failure(run),
            retryable=run.state != "CANCELLED",
            warnings=marker.warnings if marker else (),
        )


def _failure(run: SparkRun) -> Problem:
    if run.state == "CANCELLED":
        return Problem("terminated", f"Somebody cancelled the Spark run. {run.details}".strip())
    if run.state == "SUCCESS":
        return Problem("no_marker", "The Spark run succeeded but left no marker.")
    return Problem(
        "spark_failed",
        f"The Spark run failed: {run.details} Its driver log tells more.",
        f"EMR Serverless run {run.run_id}",
    )
