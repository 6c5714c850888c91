"""Files on their way to the ingest bucket."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from boto3.exceptions import Boto3Error

from cli.errors import CliError
from contracts.layout import DATASETS_PREFIX, INPUT_PREFIX, SUCCESS_NAME

Advance = Callable[[int], None]
"""Told the bytes that were sent since it was last called."""


@dataclass(frozen=True)
class Part:
    """A file and the key it goes to; `file` None is an empty object."""

    file: Path | None
    key: str

    @property
    def size_bytes(self) -> int:
        return self.file.stat().st_size if self.file else 0


@dataclass(frozen=True)
class UploadPlan:
    """What is uploaded, in order. The last part starts the job and carries its metadata."""

    parts: tuple[Part, ...]

    @property
    def size_bytes(self) -> int:
        return sum(part.size_bytes for part in self.parts)

    @property
    def trigger(self) -> Part:
        return self.parts[-1]


def plan_upload(path: Path) -> UploadPlan:
    """A file, or the data files of a folder and then its `_SUCCESS`.

    Each upload of a folder has a prefix of its own, so that no older part is mixed in. As in
    Hadoop, names that begin with `_` or `.` are not data. Raises CliError when there is nothing.
    """
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        raise CliError("the path is not UTF-8, as the keys of S3 are: rename it") from error
    if path.is_file():
        return UploadPlan((Part(path, f"{INPUT_PREFIX}{path.name}"),))
    if not path.is_dir():
        raise CliError(f"{path} is neither a file nor a folder")
    files = [file for file in sorted(path.rglob("*")) if file.is_file() and _is_data(file, path)]
    if not files:
        raise CliError(f"{path} has no data file; names that begin with _ or . do not count")
    prefix = f"{DATASETS_PREFIX}{path.resolve().name}-{datetime.now(UTC):%Y%m%dT%H%M%S%f}/"
    parts = [Part(file, prefix + file.relative_to(path).as_posix()) for file in files]
    success = path / SUCCESS_NAME
    last = Part(success if success.is_file() else None, prefix + SUCCESS_NAME)
    return UploadPlan((*parts, last))


def upload(
    plan: UploadPlan, s3: Any, bucket: str, metadata: dict[str, str], advance: Advance
) -> str | None:
    """Upload all of `plan`; returns the version of the object that starts the job.

    `s3` is a boto3 S3 client. Raises CliError.
    """
    trigger = plan.trigger
    try:
        for part in plan.parts:
            _put(part, s3, bucket, metadata if part is trigger else {}, advance)
        answer = s3.head_object(Bucket=bucket, Key=trigger.key)
    except (Boto3Error, OSError) as error:
        raise CliError(f"the upload failed: {error}") from error
    version: str | None = answer.get("VersionId")
    return version


def _put(part: Part, s3: Any, bucket: str, metadata: dict[str, str], advance: Advance) -> None:
    if part.file is None:
        s3.put_object(Bucket=bucket, Key=part.key, Body=b"", Metadata=metadata)
        return
    s3.upload_file(
        str(part.file), bucket, part.key, ExtraArgs={"Metadata": metadata}, Callback=advance
    )


def _is_data(file: Path, folder: Path) -> bool:
    return not any(name.startswith(("_", ".")) for name in file.relative_to(folder).parts)
