"""AnalysisActor: the analyze function."""

from __future__ import annotations

from actors.stage_actor import MOST_DEATHS, StageActor
from contracts.codec import from_plain, to_plain
from contracts.problem import Problem
from contracts.spec import AnalyzeSpec
from pipeline.clock import now
from pipeline.compute_names import AttemptName
from pipeline.job_events import JobChecked, JobEvent, StageFinished, StageLaunched, StageResumed
from pipeline.messages import AnalysisFinished, Failure, FunctionFailed
from pipeline.model import Attempt, Fault, Job, Stage, seconds_between
from pipeline.orders import LaunchStage

SILENT_SECONDS = 6 * 60.0
"""Three tries of a minute each, and the pauses that Lambda makes between them."""

MAX_RESUMPTIONS = 10
"""An hour, while AWS runs our functions; an outage in which it does not is none of the job's."""


class AnalysisActor(StageActor):
    """Invokes the analysis of an attempt, which may run twice: it writes the same report."""

    def launch(self, job: Job, order: LaunchStage) -> StageLaunched:
        normalize, spark = job.latest(Stage.NORMALIZE), job.latest(Stage.SPARK)
        assert normalize is not None
        assert spark is not None
        spec = AnalyzeSpec(
            job_id=job.job_id,
            attempt=order.number,
            manifest=str(self.aws.files.layout(job.job_id).manifest),
            normalize_output=self._output(job, normalize),
            spark_output=self._output(job, spark),
            spark_application_id=self.settings.spark_application_id,
            spark_run_id=spark.external_id or "",
            normalize_seconds=normalize.seconds,
            spark_seconds=spark.seconds,
            output=str(
                self.aws.files.output(AttemptName(job.job_id, order.stage.value, order.number))
            ),
        )
        request = self.aws.functions.invoke(self.settings.analyze_function, to_plain(spec))
        return StageLaunched(job.job_id, order.stage, order.number, request)

    def check(self, job: Job) -> JobEvent | None:
        attempt = job.latest(Stage.ANALYZE)
        if attempt is None or attempt.external_id is None:
            return JobChecked(job.job_id)
        if seconds_between(job.updated_at, now()) < SILENT_SECONDS:
            return JobChecked(job.job_id)
        if job.resumptions >= MAX_RESUMPTIONS:
            return _failed(
                AttemptName.of(job, attempt),
                "analysis_lost",
                "The analysis did not come to an end, though it was called several times. The "
                "analyze function's log tells more.",
            )
        return self._call_again(job, attempt)

    def _call_again(self, job: Job, attempt: Attempt) -> StageResumed:
        self.launch(job, LaunchStage(attempt.stage, attempt.number, look_first=True))
        return StageResumed(job.job_id)

    def _output(self, job: Job, attempt: Attempt) -> str:
        return str(self.aws.files.output(AttemptName.of(job, attempt)))

    def resolve(self, message: AnalysisFinished | FunctionFailed) -> JobEvent:
        if isinstance(message, AnalysisFinished):
            return StageFinished(
                job_id=message.job_id,
                stage=Stage.ANALYZE,
                number=message.attempt,
                started_at=message.started_at,
                finished_at=message.finished_at,
                warnings=message.warnings,
                totals=message.totals,
            )
        spec = from_plain(AnalyzeSpec, message.payload)
        if message.failure is Failure.UNTRIED:
            return JobChecked(spec.job_id)
        if message.failure is Failure.DIED:
            job = self.aws.store.get(spec.job_id)
            attempt = job.attempt(Stage.ANALYZE, spec.attempt)
            if attempt is None or attempt.external_id is None or attempt.state.is_end:
                return JobChecked(job.job_id)
            if job.resumptions < MOST_DEATHS:
                return self._call_again(job, attempt)
        return _failed(
            AttemptName(spec.job_id, Stage.ANALYZE.value, spec.attempt),
            "analysis_failed",
            f"The analysis broke down ({message.reason}); the normalized data and the Spark "
            "summaries are there. The analyze function's log tells more.",
        )


def _failed(name: AttemptName, code: str, message: str) -> StageFinished:
    return StageFinished(
        job_id=name.job_id,
        stage=Stage.ANALYZE,
        number=name.number,
        finished_at=now(),
        error=Problem(code, message),
        fault=Fault.OURS,
    )
