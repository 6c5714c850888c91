"""ValidationActor: folders that are still arriving, and validations that failed for good."""

from __future__ import annotations

from typing import Any

from actors.stage_actor import StageActor
from contracts.codec import to_plain
from contracts.manifest import Options
from contracts.problem import Problem
from pipeline.clock import now
from pipeline.dataset.identity import Upload
from pipeline.messages import DatasetArriving, DatasetValidated, FunctionFailed, StageFinished
from pipeline.model import Job, Stage, Status
from pipeline.registration import Application, Registration


class ValidationActor(StageActor):
    """Sends the validate function back to a settling folder; fails the job of a broken one."""

    def resolve(
        self, message: DatasetArriving | FunctionFailed
    ) -> DatasetValidated | StageFinished | None:
        if isinstance(message, DatasetArriving):
            self.aws.functions.invoke(
                self.settings.validate_function, {"settle": to_plain(message)}
            )
            return None
        job = self._job_of(message.payload)
        if job is None:
            return None
        if job.status is Status.QUEUED:
            # The function did its work; only its word to the queue, which is ours, is missing.
            return DatasetValidated(job.job_id)
        return StageFinished(
            job_id=job.job_id,
            stage=Stage.VALIDATE,
            number=1,
            finished_at=now(),
            error=Problem(
                "validation_failed",
                "Validation broke down, which is not the dataset's fault. Upload it again; "
                "if that fails too, the validate function's log tells more.",
            ),
        )

    def _job_of(self, payload: dict[str, Any]) -> Job | None:
        """The job that the failed invocation was about; None when the upload starts none."""
        if "settle" in payload:
            return self.aws.store.get(payload["settle"]["job_id"])
        record = payload["Records"][0]
        upload = Upload.of_record(record)
        if not upload.starts_job:
            return None
        registration = Registration(self.aws.store)
        return registration.find(upload) or registration.enter(_application(upload, record))


def _application(upload: Upload, record: dict[str, Any]) -> Application:
    """What the notification alone tells, for an upload whose metadata nobody came to read."""
    size_bytes = record["s3"]["object"].get("size", 0)
    return Application(upload, record["eventTime"], size_bytes, None, Options())
