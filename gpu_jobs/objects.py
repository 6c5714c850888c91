"""A dataset in S3: each object at one version, as a stream that survives a broken connection."""

from __future__ import annotations

import io
import shutil
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError, HTTPClientError, IncompleteReadError

from contracts.manifest import Manifest, SourceObject
from gpu_jobs.dataset import Dataset, dataset_of
from gpu_jobs.errors import RejectedError
from gpu_jobs.quarantine import Quarantine

MAX_BREAKS = 5
"""How often in a row a connection may break without a byte in between."""

_GONE = ("NoSuchKey", "NoSuchVersion", "MethodNotAllowed", "404")
"""MethodNotAllowed is S3's answer when the version is a delete marker."""


_UNREADABLE = {
    "InvalidObjectState": "The object lies in an archive storage class. Restore it, or upload it "
    "again in another class, and start a new job.",
    "AccessDenied": "S3 denies access to the object. Allow the job's role s3:GetObject and "
    "s3:GetObjectVersion on it, and kms:Decrypt on its key if it is encrypted with one of KMS.",
}
"""What to do about the refusals that no retry changes."""


def open_dataset(manifest: Manifest, s3: Any, folder: Path, quarantine: Quarantine) -> Dataset:
    """The dataset that `manifest` names, in S3. `folder` takes its scratch files."""

    def open_object(source: SourceObject) -> ObjectStream:
        return ObjectStream(s3, manifest.bucket, source)

    def fetch(source: SourceObject, path: Path) -> None:
        with open_object(source) as stream, path.open("wb") as file:
            shutil.copyfileobj(stream, file, 1 << 20)

    return dataset_of(manifest, open_object, fetch, folder, quarantine)


class ObjectStream(io.RawIOBase):
    """The bytes of `source`, once, from start to end. `s3` is a boto3 S3 client.

    Opening raises RejectedError: `gone` when that version is no longer there, `changed` when
    another one is, `unreadable` when S3 does not give it out.
    """

    def __init__(self, s3: Any, bucket: str, source: SourceObject) -> None:
        super().__init__()
        self._s3 = s3
        self._source = source
        self._request = {"Bucket": bucket, "Key": source.key}
        if source.version_id is not None:
            self._request["VersionId"] = source.version_id
        self._offset = 0
        self._body = self._open()

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1) -> bytes:
        """At most `size` bytes, none only at the end."""
        amount = None if size is None or size < 0 else size
        for _ in range(MAX_BREAKS):
            try:
                chunk: bytes = self._body.read(amount)
            except (HTTPClientError, IncompleteReadError) as error:
                broken = error
                self._body = self._open()
            else:
                self._offset += len(chunk)
                return chunk
        raise broken

    def readinto(self, buffer: Any) -> int:
        chunk = self.read(len(buffer))
        buffer[: len(chunk)] = chunk
        return len(chunk)

    def close(self) -> None:
        if not self.closed:
            self._body.close()
        super().close()

    def _open(self) -> Any:
        rest = {"Range": f"bytes={self._offset}-"} if self._offset else {}
        try:
            response = self._s3.get_object(**self._request, **rest)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in _GONE:
                raise self._gone() from error
            if code in _UNREADABLE:
                raise RejectedError("unreadable", _UNREADABLE[code], self._source.key) from error
            raise
        # Without a version the key may hold another object by now.
        if response["ContentLength"] != self._source.size_bytes - self._offset:
            raise RejectedError(
                "changed",
                "The object is not the one that was validated. Upload it again.",
                self._source.key,
            )
        return response["Body"]

    def _gone(self) -> RejectedError:
        return RejectedError(
            "gone",
            "The object was deleted before it was read. Upload it again.",
            self._source.key,
        )
