"""Brings to the disk what a Spark run names by `s3://`, which only EMR itself can read."""

from __future__ import annotations

import hashlib
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError

from contracts.codec import DocumentError, to_json
from contracts.layout import S3Uri
from contracts.spec import SparkSpec
from contracts.storage import read_document
from local.compute.errors import StagingFailed

_S3_URI = re.compile(r"s3a?://[^,#\s]+")


class Staging:
    """Downloads into `folder`, which belongs to one run; `archives` is shared and kept.

    `s3` is a boto3 client. Every method raises StagingFailed, which names the object at fault.
    """

    def __init__(self, s3: Any, folder: Path, archives: Path) -> None:
        self._s3 = s3
        self._folder = folder
        self._archives = archives

    def replace_uris(self, text: str) -> str:
        """`text` with the local path of a copy in the place of each `s3://` URI."""
        return _S3_URI.sub(lambda match: str(self.file(match[0])), text)

    def file(self, uri: str) -> Path:
        """A copy of the object, under its own name, since Spark imports modules by it."""
        place = _parse(uri)
        name = PurePosixPath(place.key).name
        target = Path(tempfile.mkdtemp(dir=self._folder, prefix="staged-")) / name
        self._download(place, target)
        return target

    def spec(self, uri: str) -> str:
        """A copy of the SparkSpec at `uri` whose inputs are local; returns its `file://` URI."""
        with _reported(uri):
            spec = read_document(SparkSpec, uri, self._s3)
        inputs = self._folder / "inputs"
        inputs.mkdir()
        local = []
        for index, source in enumerate(spec.inputs):
            # Spark passes over names that begin with `_` or `.`, and a key is not a safe path.
            target = inputs / f"{index:05d}{PurePosixPath(source).suffix}"
            self._download(_parse(source), target)
            local.append(target.as_uri())
        path = self._folder / "spec.json"
        path.write_text(to_json(replace(spec, inputs=tuple(local))))
        return path.as_uri()

    def archive(self, uri: str, name: str) -> None:
        """Make the unpacked archive appear as `name` in the run's folder."""
        place = _parse(uri)
        with _reported(uri):
            tag = self._s3.head_object(Bucket=place.bucket, Key=place.key)["ETag"]
        unpacked = self._archives / hashlib.sha256(tag.encode()).hexdigest()[:32]
        if not unpacked.exists():
            self._unpack(uri, unpacked)
        (self._folder / name).symlink_to(unpacked, target_is_directory=True)

    def _unpack(self, uri: str, target: Path) -> None:
        packed = self.file(uri)
        self._archives.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(dir=self._archives, prefix="partial-"))
        try:
            shutil.unpack_archive(packed, partial)
            partial.rename(target)
        except (OSError, ValueError, shutil.ReadError) as error:
            shutil.rmtree(partial, ignore_errors=True)
            if not target.exists():
                raise StagingFailed(f"{uri}: cannot be unpacked: {error}") from error
        packed.unlink()

    def _download(self, place: S3Uri, target: Path) -> None:
        with _reported(str(place)):
            self._s3.download_file(place.bucket, place.key, str(target))


def _parse(uri: str) -> S3Uri:
    try:
        return S3Uri.parse(uri.replace("s3a://", "s3://", 1))
    except ValueError as error:
        raise StagingFailed(str(error)) from error


@contextmanager
def _reported(uri: str) -> Iterator[None]:
    """Every way in which an object can fail to be had, as one error that names it."""
    try:
        yield
    except (BotoCoreError, Boto3Error, ClientError, DocumentError, OSError, ValueError) as error:
        raise StagingFailed(f"{uri}: {error}") from error


StagingFactory = Callable[[Path], Staging]
"""Makes the staging of the run whose folder is given."""
