"""What an attempt left in the results bucket: its marker, its fence, its documents."""

from __future__ import annotations

from typing import Any, TypeVar

from botocore.exceptions import ClientError

from contracts.layout import FENCE_NAME, MARKER_NAME, JobLayout, S3Uri
from contracts.marker import Marker
from contracts.storage import create_object, read_document, write_document
from pipeline.compute_names import AttemptName
from pipeline.errors import BigdataError

T = TypeVar("T")

CLOSED = ""
"""Stands in a fence in the place of a Batch job's id."""


class AttemptFiles:
    """The attempts' prefixes in one bucket. `s3` is a boto3 S3 client."""

    def __init__(self, s3: Any, results_bucket: str) -> None:
        self._s3 = s3
        self._bucket = results_bucket

    def layout(self, job_id: str) -> JobLayout:
        """Where the files of a job lie."""
        return JobLayout(self._bucket, job_id)

    def output(self, name: AttemptName) -> S3Uri:
        """The attempt's prefix."""
        return self.layout(name.job_id).attempt(name.stage, name.number)

    def marker(self, name: AttemptName) -> Marker | None:
        """The attempt's last word, or None when it left none."""
        try:
            return self.read(Marker, name, MARKER_NAME)
        except ClientError as error:
            if _is_missing(error):
                return None
            raise

    def fence_owner(self, name: AttemptName) -> str | None:
        """The Batch job id that took the attempt's fence, or None when none has."""
        return self._fence(name) or None

    def close_fence(self, name: AttemptName) -> str | None:
        """See that no Batch job begins the attempt from now on; the id of one that has, if any."""
        place = self.output(name).join(FENCE_NAME)
        if create_object(place, CLOSED.encode(), self._s3):
            return None
        owner = self._fence(name)
        if owner is None:
            raise BigdataError(f"the fence of {name} is being written")
        return owner or None

    def _fence(self, name: AttemptName) -> str | None:
        fence = self.output(name).join(FENCE_NAME)
        try:
            body: bytes = self._s3.get_object(Bucket=fence.bucket, Key=fence.key)["Body"].read()
        except ClientError as error:
            if _is_missing(error):
                return None
            raise
        return body.decode()

    def read(self, cls: type[T], name: AttemptName, document: str) -> T:
        """The attempt's document of that name."""
        return read_document(cls, str(self.output(name).join(document)), self._s3)

    def write(self, document: Any, name: AttemptName, document_name: str) -> str:
        """Write a document below the attempt's prefix; returns its URI."""
        uri = str(self.output(name).join(document_name))
        write_document(document, uri, self._s3)
        return uri


def _is_missing(error: ClientError) -> bool:
    return error.response["Error"]["Code"] in ("NoSuchKey", "404")
