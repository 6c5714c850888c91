"""What an upload asks for, in the metadata that S3 keeps with it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from contracts.manifest import Options
from contracts.problem import Problem
from pipeline.dataset.identity import Upload, requested_id
from pipeline.dataset.options import parse_options, unknown_options
from pipeline.errors import InputRejected, ObjectGone
from pipeline.objects import Objects


@dataclass(frozen=True)
class Application:
    """An upload that wants to become a job, under `job_id` if it asks for one."""

    upload: Upload
    uploaded_at: str
    size_bytes: int = 0
    job_id: str | None = None
    options: Options = Options()
    etag: str = ""
    warnings: tuple[str, ...] = ()


def read_application(
    objects: Objects, upload: Upload, uploaded_at: str
) -> tuple[Application, Problem | None]:
    """What the upload asks for, and what is wrong with it, if anything.

    Even an upload that is gone or whose metadata cannot be read gets a record to say so. Raises
    what AWS raises.
    """
    application = Application(upload, uploaded_at)
    try:
        head = objects.head(upload.bucket, upload.key, upload.version_id)
        application = replace(application, size_bytes=head.size_bytes, etag=head.etag)
        application = replace(application, warnings=unknown_options(head.metadata))
        application = replace(application, job_id=requested_id(head.metadata))
        application = replace(application, options=parse_options(head.metadata))
    except ObjectGone as error:
        return application, gone(error)
    except InputRejected as error:
        return application, error.problem
    return application, None


def gone(error: ObjectGone) -> Problem:
    """What a job over an object that is not there ends with."""
    return Problem(
        "gone",
        f"{error} any more; it was deleted before it was validated. Upload it again.",
        error.key,
    )
