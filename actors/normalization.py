"""NormalizationActor: the Batch jobs that normalize."""

from __future__ import annotations

from actors.stage_actor import StageActor
from contracts.layout import SPEC_NAME
from contracts.marker import Outcome
from contracts.problem import Problem
from contracts.spec import NormalizeSpec
from pipeline.clock import now
from pipeline.compute_names import AttemptName
from pipeline.messages import (
    BatchJobChanged,
    LaunchStage,
    StageFinished,
    StageLaunched,
    StageStarted,
)
from pipeline.model import AttemptState, Job, Stage


class NormalizationActor(StageActor):
    """Submits an attempt once, and reads from fence and marker how it ended."""

    def launch(self, job: Job, order: LaunchStage) -> StageLaunched:
        name = AttemptName(job.job_id, order.stage.value, order.number)
        use_gpu = job.options.gpu_enabled
        batch_id = self.aws.batch_jobs.find(name, use_gpu=use_gpu) if order.look_first else None
        if batch_id is None:
            spec = NormalizeSpec(
                job_id=job.job_id,
                attempt=order.number,
                manifest=str(self.aws.files.layout(job.job_id).manifest),
                output=str(self.aws.files.output(name)),
                use_gpu=use_gpu,
            )
            uri = self.aws.files.write(spec, name, SPEC_NAME)
            batch_id = self.aws.batch_jobs.submit(name, uri, use_gpu=use_gpu)
        return StageLaunched(job.job_id, order.stage, order.number, batch_id)

    def resolve(self, message: BatchJobChanged) -> StageStarted | StageFinished | None:
        name = message.attempt
        if message.state is AttemptState.RUNNING:
            return StageStarted(
                name.job_id,
                Stage.NORMALIZE,
                name.number,
                message.external_id,
                message.started_at or now(),
            )
        # The container takes the fence before any work, so of two jobs of one attempt only the
        # fence's owner counts, or until there is one, the job that the attempt is known by.
        counts = self.aws.files.fence_owner(name) or self._known_job(name)
        return self._finished(message) if counts in (None, message.external_id) else None

    def _known_job(self, name: AttemptName) -> str | None:
        attempt = self.aws.store.get(name.job_id).attempt(Stage.NORMALIZE, name.number)
        return attempt.external_id if attempt else None

    def _finished(self, message: BatchJobChanged) -> StageFinished:
        name = message.attempt
        marker = self.aws.files.marker(name)
        succeeded = message.state is AttemptState.SUCCEEDED and marker is not None
        error: Problem | None = None
        if marker is not None and marker.outcome is Outcome.REJECTED:
            error = marker.error
        elif not succeeded:
            error = _failure(message)
        return StageFinished(
            job_id=name.job_id,
            stage=Stage.NORMALIZE,
            number=name.number,
            external_id=message.external_id,
            started_at=message.started_at,
            finished_at=message.finished_at or now(),
            error=error,
            rejected=marker is not None and marker.outcome is Outcome.REJECTED,
            retryable=not message.terminated,
            warnings=marker.warnings if marker else (),
        )


def _failure(message: BatchJobChanged) -> Problem:
    if message.terminated:
        return Problem("terminated", f"Somebody ended the Batch job: {message.reason}")
    if message.state is AttemptState.SUCCEEDED:
        return Problem("no_marker", "The Batch job succeeded but left no marker.")
    return Problem(
        "normalization_failed",
        f"The Batch job failed: {message.reason}. Its log tells more.",
        f"Batch job {message.external_id}",
    )
