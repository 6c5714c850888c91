"""Which job an upload belongs to.

A job id is bound to one (bucket, key, version), so the same S3 event twice means the same job.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

from contracts.layout import DATASETS_PREFIX, INPUT_PREFIX, SUCCESS_NAME
from contracts.wording import quoted
from pipeline.dataset.problems import rejected

MAX_LENGTH = 64
HASH_LENGTH = 10
JOB_ID = re.compile(rf"[a-z0-9][a-z0-9-]{{0,{MAX_LENGTH - 1}}}")


@dataclass(frozen=True)
class Upload:
    """The object whose arrival starts a job, at the version that the event named."""

    bucket: str
    key: str
    version_id: str | None

    @classmethod
    def of_record(cls, record: Mapping[str, Any]) -> Upload:
        """The upload that one record of an S3 notification tells of."""
        source = record["s3"]
        return cls(
            bucket=source["bucket"]["name"],
            key=unquote_plus(source["object"]["key"]),
            version_id=source["object"].get("versionId"),
        )

    @property
    def starts_job(self) -> bool:
        """False for a folder marker and for whatever lies outside the two prefixes."""
        return self.is_folder or (self.key.startswith(INPUT_PREFIX) and not self.key.endswith("/"))

    @property
    def is_folder(self) -> bool:
        """Whether it is the `_SUCCESS` of a folder `datasets/<name>/…`."""
        folder, _, name = self.key.rpartition("/")
        return name == SUCCESS_NAME and folder.startswith(DATASETS_PREFIX)

    @property
    def folder(self) -> str:
        """The prefix, ending in `/`, that the object lies under."""
        return self.key[: self.key.rfind("/") + 1]


def default_id(upload: Upload) -> str:
    """A slug of the file's or the folder's name and a hash of the upload."""
    path = upload.folder.rstrip("/") if upload.is_folder else upload.key
    stem = path.rpartition("/")[2].partition(".")[0]
    ascii_stem = unicodedata.normalize("NFKD", stem).encode("ascii", "ignore").decode().lower()
    return _with_hash(re.sub(r"[^a-z0-9]+", "-", ascii_stem).strip("-") or "job", upload)


def alternative_id(taken: str, upload: Upload) -> str:
    """The id of an upload that asked for one which belongs to another upload."""
    return _with_hash(taken, upload)


def requested_id(metadata: Mapping[str, str]) -> str | None:
    """The id that the metadata ask for. Raises InputRejected for one that is none."""
    job_id = metadata.get("job-id")
    if job_id is not None and not JOB_ID.fullmatch(job_id):
        raise rejected(
            "invalid_option",
            f"The job id {quoted(job_id)} is not one: it takes 1 to {MAX_LENGTH} of the "
            "characters a-z, 0-9 and '-', the first of them no '-'. Upload again with such an id, "
            "or without one.",
            "metadata job-id",
        )
    return job_id


def _with_hash(stem: str, upload: Upload) -> str:
    source = "\0".join((upload.bucket, upload.key, upload.version_id or ""))
    digest = hashlib.sha256(source.encode()).hexdigest()[:HASH_LENGTH]
    return f"{stem[: MAX_LENGTH - HASH_LENGTH - 1]}-{digest}"
