"""ValidationActor: folders that are still arriving, and validations that failed for good."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote_plus

from actors.stage_actor import StageActor
from contracts.codec import to_plain
from contracts.problem import Problem
from pipeline.clock import now
from pipeline.messages import DatasetArriving, FunctionFailed, StageFinished
from pipeline.model import Job, Stage, Status


class ValidationActor(StageActor):
    """Sends the validate function back to a settling folder; fails the job of a broken one."""

    def resolve(self, message: DatasetArriving | FunctionFailed) -> StageFinished | None:
        if isinstance(message, DatasetArriving):
            self.aws.functions.invoke(
                self.settings.validate_function, {"settle": to_plain(message)}
            )
            return None
        job = self._job_of(message.payload)
        if job is None:
            return None
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
        """The unfinished job that the failed invocation was about, if it came that far."""
        if "settle" in payload:
            return self.aws.store.find(payload["settle"]["job_id"])
        source = payload["Records"][0]["s3"]
        key, version = unquote_plus(source["object"]["key"]), source["object"].get("versionId")
        for job in self.aws.store.list(source=key).jobs:
            adopted = job.source.version_id in (None, version)
            if adopted and job.status in (Status.SUBMITTED, Status.VALIDATING):
                return job
        return None
