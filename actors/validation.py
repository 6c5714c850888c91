"""ValidationActor: folders that are still arriving, and validations that came to no end."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import quote_plus

from botocore.exceptions import ClientError

from actors.stage_actor import MOST_DEATHS, StageActor
from contracts.codec import to_plain
from contracts.problem import Problem
from pipeline.application import Application, read_application
from pipeline.clock import now
from pipeline.dataset.identity import Upload
from pipeline.errors import ObjectGone
from pipeline.job_events import DatasetValidated, JobChecked, JobEvent, StageFinished, StageResumed
from pipeline.messages import DatasetArriving, Failure, FunctionFailed
from pipeline.model import Fault, Job, Stage, Status, seconds_between
from pipeline.registration import Registration

SILENT_SECONDS = 20 * 60.0
"""Longer than the validate function may run, and than a folder is left alone between two looks."""

MAX_RESUMPTIONS = 9
"""Three hours, while AWS runs our functions."""


class ValidationActor(StageActor):
    """Sends the validate function to a folder once more, or to what it left undone."""

    def resolve(self, message: DatasetArriving | FunctionFailed) -> JobEvent | None:
        if isinstance(message, DatasetArriving):
            self._call({"settle": to_plain(message)})
            return None
        job = self._job_of(message.payload)
        if job is None:
            return None
        if job.status is Status.QUEUED:
            # The function did its work; only its word to the queue, which is ours, is missing.
            return DatasetValidated(job.job_id)
        is_validating = job.status in (Status.SUBMITTED, Status.VALIDATING)
        if message.failure is Failure.UNTRIED or not is_validating:
            return JobChecked(job.job_id)
        if message.failure is Failure.DIED and job.resumptions < MOST_DEATHS:
            self._call(message.payload)
            return StageResumed(job.job_id)
        return _failed(
            job,
            "validation_failed",
            f"Validation broke down ({message.reason}), which is not the dataset's fault. Upload "
            "it again; if that fails too, the validate function's log tells more.",
        )

    def check(self, job: Job) -> JobEvent | None:
        """Take up a job whose validation, or whose word to the work queue, was lost."""
        if job.status is Status.QUEUED:
            return DatasetValidated(job.job_id)
        if seconds_between(job.updated_at, now()) < SILENT_SECONDS:
            return JobChecked(job.job_id)
        if job.resumptions >= MAX_RESUMPTIONS:
            return _failed(
                job,
                "validation_lost",
                "Validation did not come to an end, though it was called several times. The "
                "validate function's log tells more.",
            )
        if job.status is Status.SUBMITTED and not self._is_there(job):
            return _failed(job, "upload_failed", "The records did not reach S3; submit them again.")
        self._call(notification(job))
        return StageResumed(job.job_id)

    def _call(self, payload: dict[str, Any]) -> None:
        self.aws.functions.invoke(self.settings.validate_function, payload)

    def _is_there(self, job: Job) -> bool:
        try:
            self.aws.objects.head(job.source.bucket, job.source.key, job.source.version_id)
        except ObjectGone:
            return False
        return True

    def _job_of(self, payload: dict[str, Any]) -> Job | None:
        """The job that the failed invocation was about; None when the upload starts none."""
        if "settle" in payload:
            return self.aws.store.get(payload["settle"]["job_id"])
        record = payload["Records"][0]
        upload = Upload.of_record(record)
        if not upload.starts_job:
            return None
        registration = Registration(self.aws.store)
        found = registration.find(upload)
        if found:
            return self.aws.store.get(found.job_id)  # the index may be behind
        return registration.enter(self._application(upload, record))

    def _application(self, upload: Upload, record: dict[str, Any]) -> Application:
        """What the upload asks for; if that cannot be read, what the notification alone tells."""
        size_bytes = record["s3"]["object"].get("size", 0)
        told = Application(upload, record["eventTime"], size_bytes)
        try:
            found, _ = read_application(self.aws.objects, upload, record["eventTime"])
        except ClientError:
            return told
        return replace(found, size_bytes=found.size_bytes or size_bytes)


def notification(job: Job) -> dict[str, Any]:
    """What S3 told of the job's upload, or would have told."""
    source = job.source
    uploaded = {"key": quote_plus(source.key, safe="/"), "size": source.size_bytes}
    if source.version_id:
        uploaded["versionId"] = source.version_id
    s3 = {"bucket": {"name": source.bucket}, "object": uploaded}
    return {"Records": [{"eventTime": source.uploaded_at, "s3": s3}]}


def _failed(job: Job, code: str, message: str) -> StageFinished:
    return StageFinished(
        job_id=job.job_id,
        stage=Stage.VALIDATE,
        number=1,
        finished_at=now(),
        error=Problem(code, message),
        fault=Fault.OURS,
    )
