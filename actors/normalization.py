"""NormalizationActor: the Batch jobs that normalize."""

from __future__ import annotations

from actors.stage_actor import StageActor, never_launched, vanished
from contracts import outage
from contracts.layout import SPEC_NAME
from contracts.marker import Outcome
from contracts.problem import Problem
from contracts.spec import NormalizeSpec
from pipeline.clock import from_epoch_ms, now
from pipeline.compute_names import AttemptName
from pipeline.job_events import (
    JobChecked,
    JobEvent,
    StageFinished,
    StageLaunched,
    StageStarted,
    StageWaiting,
)
from pipeline.messages import BatchJobChanged, batch_job_changed
from pipeline.model import Attempt, AttemptState, Fault, Job, Stage
from pipeline.orders import LaunchStage, StopStage

FAULTS: dict[int | None, tuple[str, Fault]] = {
    outage.EXIT: ("service_unavailable", Fault.OUTAGE),
    # SIGKILL, which no code of ours sends itself.
    137: ("killed", Fault.HOST),
}
"""What a container's exit code tells."""

STATED_REASONS = {
    "Host EC2": ("host_lost", Fault.HOST),
    "Job attempt duration exceeded timeout": ("timed_out", Fault.OURS),
    "OutOfMemory": ("out_of_memory", Fault.OURS),
    "Cannot": ("container_not_started", Fault.OUTAGE),
    "Task failed to start": ("container_not_started", Fault.OUTAGE),
}
"""What Batch and ECS write where the container's exit code does not tell."""


class NormalizationActor(StageActor):
    """Submits an attempt once, and reads from fence and marker how it ended."""

    def launch(self, job: Job, order: LaunchStage) -> StageLaunched:
        attempt = _attempt(job, order)
        name, use_gpu = AttemptName.of(job, attempt), attempt.use_gpu
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

    def stop(self, job: Job, order: StopStage) -> JobEvent | None:
        attempt = _attempt(job, order)
        name = AttemptName.of(job, attempt)
        # A job that was submitted twice, or that ListJobs does not show yet, may start later.
        batch_id = self.aws.files.close_fence(name) or attempt.external_id
        if batch_id is None:
            batch_id = self.aws.batch_jobs.find(name, use_gpu=attempt.use_gpu)
        if batch_id is None:
            return never_launched(job, attempt)
        self.aws.batch_jobs.stop(batch_id, f"bigdata-serverless: {attempt.stop or 'given up'}")
        if attempt.external_id is None:
            return StageLaunched(job.job_id, order.stage, order.number, batch_id)
        return None

    def check(self, job: Job) -> JobEvent | None:
        attempt = job.latest(Stage.NORMALIZE)
        if attempt is None or attempt.external_id is None:
            return JobChecked(job.job_id)
        name = AttemptName.of(job, attempt)
        batch_id = self.aws.files.fence_owner(name) or attempt.external_id
        detail = self.aws.batch_jobs.describe(batch_id)
        if detail is None:
            return vanished(job, attempt)
        changed = batch_job_changed(detail)
        if changed is not None:
            return self.resolve(changed) or JobChecked(job.job_id)
        if detail["status"] == "STARTING":
            return JobChecked(job.job_id)
        earlier = [each["stoppedAt"] for each in detail.get("attempts", ()) if "stoppedAt" in each]
        since = from_epoch_ms(earlier[-1] if earlier else detail["createdAt"])
        return StageWaiting(job.job_id, attempt.stage, attempt.number, batch_id, since)

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
        error: Problem | None = None
        fault: Fault | None = None
        if marker is not None and marker.outcome is Outcome.REJECTED:
            error, fault = marker.error, Fault.INPUT
        elif message.state is not AttemptState.SUCCEEDED or marker is None:
            error, fault = _failure(message)
        return StageFinished(
            job_id=name.job_id,
            stage=Stage.NORMALIZE,
            number=name.number,
            external_id=message.external_id,
            started_at=message.started_at,
            finished_at=message.finished_at or now(),
            error=error,
            fault=fault,
            warnings=marker.warnings if marker else (),
            worked_seconds=message.worked_seconds,
        )


def _attempt(job: Job, order: LaunchStage | StopStage) -> Attempt:
    attempt = job.attempt(order.stage, order.number)
    assert attempt is not None
    return attempt


def _failure(message: BatchJobChanged) -> tuple[Problem, Fault]:
    where = f"Batch job {message.external_id}"
    if message.log_stream:
        where += f", log stream {message.log_stream}"
    if message.terminated:
        told = f"The Batch job was ended: {message.reason}"
        return Problem("terminated", told, where), Fault.STOPPED
    if message.state is AttemptState.SUCCEEDED:
        return Problem(
            "no_marker", "The Batch job succeeded but left no marker.", where
        ), Fault.OURS
    code, fault = FAULTS.get(message.exit_code, ("normalization_failed", Fault.OURS))
    for words, stated in STATED_REASONS.items():
        if words in message.reason:
            code, fault = stated
            break
    return Problem(
        code, f"The Batch job failed: {message.reason}. Its log tells more.", where
    ), fault
