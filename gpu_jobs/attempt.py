"""What one attempt leaves in S3: first its fence, then its files, last its marker."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from contracts.layout import FENCE_NAME, MARKER_NAME, S3Uri
from contracts.marker import Marker, Outcome, OutputFile
from contracts.problem import Problem
from contracts.spec import NormalizeSpec
from contracts.storage import create_object, read_document, write_document
from contracts.wording import capped

STAGE = "normalize"


class Attempt:
    """The prefix `spec.output`, written by one Batch job alone. `s3` is a boto3 S3 client."""

    def __init__(self, s3: Any, spec: NormalizeSpec, batch_job_id: str) -> None:
        self._s3 = s3
        self._spec = spec
        self._batch_job_id = batch_job_id
        self._output = S3Uri.parse(spec.output)
        self._started_at = _now()
        self._files: list[OutputFile] = []

    def take_fence(self) -> str:
        """The id of the Batch job that owns the attempt: the first that came, so maybe ours.

        It is empty when the attempt was stopped before any came.

        Batch starts a job again under its own id when the host is lost; the fence lets it in.
        """
        place = self._output.join(FENCE_NAME)
        while not create_object(place, self._batch_job_id.encode(), self._s3):
            with suppress(self._s3.exceptions.NoSuchKey):
                answer = self._s3.get_object(Bucket=place.bucket, Key=place.key)
                owner: bytes = answer["Body"].read()
                return owner.decode()
        return self._batch_job_id

    def marker(self) -> Marker | None:
        """The marker that an earlier run of the same Batch job has left, if it came so far."""
        try:
            return read_document(Marker, str(self._output.join(MARKER_NAME)), self._s3)
        except ClientError as error:
            if error.response["Error"]["Code"] in ("NoSuchKey", "404"):
                return None
            raise

    def upload(self, path: Path, name: str, rows: int | None = None) -> None:
        """Put the local file `path` under the attempt's prefix and into its marker."""
        place = self._output.join(name)
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        self._s3.upload_file(str(path), place.bucket, place.key)
        self._files.append(OutputFile(name, path.stat().st_size, sha256, rows))

    @property
    def files(self) -> tuple[OutputFile, ...]:
        """What has been uploaded so far."""
        return tuple(self._files)

    def leave(self, warnings: tuple[str, ...], error: Problem | None = None) -> None:
        """Write the marker: SUCCEEDED, or REJECTED because of `error`."""
        marker = Marker(
            job_id=self._spec.job_id,
            stage=STAGE,
            attempt=self._spec.attempt,
            outcome=Outcome.REJECTED if error else Outcome.SUCCEEDED,
            started_at=self._started_at,
            finished_at=_now(),
            files=self.files,
            warnings=capped(warnings),
            error=error,
        )
        write_document(marker, str(self._output.join(MARKER_NAME)), self._s3)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
