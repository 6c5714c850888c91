"""The uploaded objects in S3: read at a version, in ranges, and never much of them.

botocore's errors about an object that is not there become ObjectGone here, those about one that
we may not read become InputRejected, and only here.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from botocore.exceptions import ClientError

from contracts.codec import to_json
from contracts.layout import S3Uri
from contracts.manifest import SourceObject
from contracts.storage import create_object, read_document, write_document
from pipeline.dataset.limits import READ_LIMIT, MiB
from pipeline.dataset.problems import rejected
from pipeline.errors import ObjectGone

T = TypeVar("T")

_GONE = ("NoSuchKey", "NoSuchVersion", "404", "MethodNotAllowed", "405")
"""MethodNotAllowed is the answer to a request for the version that is a delete marker."""

_UNREADABLE = {
    "InvalidObjectState": (
        "is archived in a storage class that cannot be read at once. Restore it from the archive, "
        "then copy it here again in the class STANDARD."
    ),
    "AccessDenied": (
        "may not be read by the pipeline. Allow its roles s3:GetObject on the object and, where a "
        "KMS key encrypts it, kms:Decrypt with that key; then upload it again."
    ),
}
_UNREADABLE["403"] = _UNREADABLE["AccessDenied"]
"""HeadObject answers without a body, so botocore has only the status."""


@dataclass(frozen=True)
class ObjectHead:
    """An object's size, S3's tag of its content and the uploader's metadata."""

    size_bytes: int
    etag: str
    metadata: Mapping[str, str]


class Objects:
    """The objects of all buckets. `s3` is a boto3 S3 client."""

    def __init__(self, s3: Any) -> None:
        self._s3 = s3

    def head(self, bucket: str, key: str, version_id: str | None) -> ObjectHead:
        """What S3 says of the object. Raises ObjectGone, and InputRejected for `unreadable`."""
        request = _request(bucket, key, version_id)
        with _translated(bucket, key, version_id):
            answer = self._s3.head_object(**request)
        return ObjectHead(answer["ContentLength"], answer["ETag"], answer["Metadata"])

    def open(self, bucket: str, file: SourceObject) -> RangedFile:
        """The object's bytes, fetched as they are asked for."""
        return RangedFile(self._s3, bucket, file)

    def list_latest(self, bucket: str, prefix: str) -> list[SourceObject]:
        """The objects below `prefix` as they are now, each with its version, in key order."""
        pages = self._s3.get_paginator("list_object_versions").paginate(
            Bucket=bucket, Prefix=prefix
        )
        return [
            SourceObject(found["Key"], found["VersionId"], found["Size"], etag=found["ETag"])
            for page in pages
            for found in page.get("Versions", [])
            if found["IsLatest"]
        ]

    def uploads_in_progress(self, bucket: str, prefix: str) -> list[str]:
        """The keys below `prefix` for which a multipart upload is neither ended nor aborted."""
        pages = self._s3.get_paginator("list_multipart_uploads").paginate(
            Bucket=bucket, Prefix=prefix
        )
        return [upload["Key"] for page in pages for upload in page.get("Uploads", [])]

    def find(self, cls: type[T], place: S3Uri) -> T | None:
        """The document of class `cls` at `place`, or None when there is none."""
        try:
            return read_document(cls, str(place), self._s3)
        except ClientError as error:
            if error.response["Error"]["Code"] in _GONE:
                return None
            raise

    def write(self, document: Any, place: S3Uri) -> None:
        """Write a document as JSON."""
        write_document(document, str(place), self._s3)

    def create(self, document: Any, place: S3Uri) -> bool:
        """Write a document as JSON unless there is an object; whether it was written."""
        body = to_json(document).encode()
        return create_object(place, body, self._s3, ContentType="application/json")


class RangedFile(io.RawIOBase):
    """One version of an object as a seekable file; each read is one ranged request.

    Raises ObjectGone, and InputRejected for an object that is `unreadable` and for a read that
    would go beyond READ_LIMIT in total.
    """

    def __init__(self, s3: Any, bucket: str, file: SourceObject) -> None:
        super().__init__()
        self._s3 = s3
        self._bucket = bucket
        self._file = file
        self._position = 0
        self._read_bytes = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._file.size_bytes}
        self._position = max(0, base[whence] + offset)
        return self._position

    def read(self, size: int | None = -1) -> bytes:
        """The next `size` bytes, fewer only at the end; all the rest for -1."""
        rest = max(0, self._file.size_bytes - self._position)
        wanted = rest if size is None or size < 0 else min(size, rest)
        if not wanted:
            return b""
        self._count(wanted)
        data = self._get(self._position, self._position + wanted - 1)
        self._position += len(data)
        return data

    def readinto(self, buffer: Any) -> int:
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def _count(self, wanted: int) -> None:
        self._read_bytes += wanted
        if self._read_bytes > READ_LIMIT:
            raise rejected(
                "read_limit",
                f"More than {READ_LIMIT // MiB} MiB of the file would have to be read to know what "
                "is in it. Write it with a smaller footer or shorter rows.",
                self._file.key,
            )

    def _get(self, first: int, last: int) -> bytes:
        key, version_id = self._file.key, self._file.version_id
        request = _request(self._bucket, key, version_id)
        with _translated(self._bucket, key, version_id):
            answer = self._s3.get_object(**request, Range=f"bytes={first}-{last}")
        data: bytes = answer["Body"].read()
        return data


def _request(bucket: str, key: str, version_id: str | None) -> dict[str, str]:
    request = {"Bucket": bucket, "Key": key}
    return request if version_id is None else {**request, "VersionId": version_id}


@contextmanager
def _translated(bucket: str, key: str, version_id: str | None) -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in _GONE:
            raise ObjectGone(bucket, key, version_id) from error
        if code in _UNREADABLE:
            raise rejected("unreadable", f"s3://{bucket}/{key} {_UNREADABLE[code]}") from error
        raise
