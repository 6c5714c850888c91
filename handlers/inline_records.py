"""Records in the body of a request: checked, then laid in the ingest bucket like an upload."""

from __future__ import annotations

import json
import math
import secrets
from contextlib import suppress
from dataclasses import dataclass, fields
from http import HTTPStatus
from typing import Any

from botocore.exceptions import ClientError

from contracts.codec import from_plain
from contracts.layout import INLINE_PREFIX, INPUT_PREFIX, S3Uri
from contracts.manifest import Options
from contracts.outage import is_outage
from contracts.problem import Problem
from contracts.storage import create_object
from handlers.problem_details import HttpProblem, bad_request
from handlers.request_body import is_utf8, parse_object, refuse_unknown
from pipeline.clock import now
from pipeline.dataset.identity import JOB_ID
from pipeline.dataset.metadata import to_metadata
from pipeline.dataset.options import DTYPES, parse_options
from pipeline.errors import InputRejected, LostRace
from pipeline.model import Job, Source, Status
from pipeline.store import JobStore

MAX_BODY_BYTES = 4 << 20
"""Lambda takes 6 MB, in which the body is a string whose every quote is escaped."""

MEMBERS = ("data", "processing_config", "job_id")
SWITCHES = ("gpu_enabled", "compare_pipelines", "store_results", "force")
NAME_LISTS = ("columns", "exclude")
UPLOAD_INSTEAD = f"Upload larger or nested data as a file to {INPUT_PREFIX} of the ingest bucket."


@dataclass(frozen=True)
class Submission:
    """A request to run a job over `lines`, JSON Lines in UTF-8."""

    job_id: str
    lines: bytes
    options: Options
    metadata: dict[str, str]

    @property
    def key(self) -> str:
        return f"{INLINE_PREFIX}{self.job_id}.jsonl"


def parse_submission(text: str) -> Submission:
    """The submission in a request's body. Raises HttpProblem saying what is wrong with it."""
    if len(text.encode(errors="surrogatepass")) > MAX_BODY_BYTES:
        raise HttpProblem(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            f"The body may have {MAX_BODY_BYTES} bytes. {UPLOAD_INSTEAD}",
        )
    body = parse_object(text)
    refuse_unknown(body, MEMBERS, "the body")
    lines = _lines(body.get("data"))
    options = _options(body.get("processing_config", {}))
    job_id = _job_id(body.get("job_id"))
    try:
        metadata = to_metadata(options, job_id)
        # As validation will read them, so that the job's record says the same before and after.
        return Submission(job_id, lines, parse_options(metadata), metadata)
    except InputRejected as error:
        raise bad_request(error.problem.message) from error


def submit(submission: Submission, store: JobStore, s3: Any, ingest_bucket: str) -> Job:
    """Record the job, so that it is found from now on, then upload its records.

    The same request again is about the same job, so it can be sent until it is answered. Raises
    HttpProblem when the id is taken by another one. A new job whose upload is refused ends as
    FAILED; one whose upload may have succeeded stays SUBMITTED, for validation to adopt.
    """
    job, is_new = _record(submission, store, ingest_bucket)
    place = S3Uri(ingest_bucket, submission.key)
    try:
        # Records that come after their job has ended would not be read any more.
        was_put = not job.status.is_end and create_object(
            place,
            submission.lines,
            s3,
            ContentType="application/jsonl",
            Metadata=submission.metadata,
        )
        stored = submission.lines if was_put else _body(place, s3)
    except Exception as error:
        if not is_new or not _is_refusal(error):
            raise _outcome_unknown(submission.job_id) from error
        failure = Problem(
            "upload_failed", "The records could not be stored; submit them again as another job."
        )
        store.save(job.advance(Status.FAILED, now(), failure))
        raise
    if stored is None and not job.status.is_end:
        raise _outcome_unknown(submission.job_id)
    if stored != submission.lines:
        raise _taken(submission.job_id)
    return job


def _record(submission: Submission, store: JobStore, ingest_bucket: str) -> tuple[Job, bool]:
    """The job's record, and whether it is new. Raises HttpProblem when it is another job's."""
    time, size_bytes = now(), len(submission.lines)
    source = Source(ingest_bucket, submission.key, None, uploaded_at=time, size_bytes=size_bytes)
    submitted = Job(
        submission.job_id,
        Status.SUBMITTED,
        source,
        created_at=time,
        updated_at=time,
        options=submission.options,
    )
    with suppress(LostRace):
        return store.save(submitted.entered()), True
    job = store.get(submission.job_id)
    asked = (source.key, size_bytes, submission.options)
    if (job.source.key, job.source.size_bytes, job.options) != asked:
        raise _taken(submission.job_id)
    return job, False


def _body(place: S3Uri, s3: Any) -> bytes | None:
    """What lies at `place`, if anything does."""
    try:
        body: bytes = s3.get_object(Bucket=place.bucket, Key=place.key)["Body"].read()
    except s3.exceptions.NoSuchKey:
        return None
    return body


def _taken(job_id: str) -> HttpProblem:
    return HttpProblem(
        HTTPStatus.CONFLICT,
        f"There is a job {job_id!r} already: choose another job_id, or none.",
    )


def _is_refusal(error: Exception) -> bool:
    """Whether S3 said no to the only try, and will again; an earlier try may have stored it."""
    if not isinstance(error, ClientError) or is_outage(error):
        return False
    return not error.response["ResponseMetadata"].get("RetryAttempts")


def _outcome_unknown(job_id: str) -> HttpProblem:
    return HttpProblem(
        HTTPStatus.SERVICE_UNAVAILABLE,
        f"It is not known whether the records were stored. Send them again as job_id {job_id!r}, "
        f"which does no harm, or look at GET /jobs/{job_id}: the job goes on if they were stored, "
        f"and within half an hour it is {Status.FAILED} if they were not.",
    )


def _lines(data: Any) -> bytes:
    if not isinstance(data, list) or not data:
        raise bad_request("data must be a list of at least one flat object.")
    for number, row in enumerate(data):
        _check_row(row, f"data[{number}]")
    try:
        return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in data).encode()
    except UnicodeEncodeError as error:
        raise bad_request("A text in data holds half of a surrogate pair.") from error


def _check_row(row: Any, where: str) -> None:
    if not isinstance(row, dict):
        raise bad_request(f"{where} must be an object.")
    for name, value in row.items():
        if isinstance(value, (dict, list)):
            raise bad_request(f"{where}[{name!r}] must not be nested. {UPLOAD_INSTEAD}")
        if isinstance(value, float) and not math.isfinite(value):
            raise bad_request(f"{where}[{name!r}] must be finite: JSON has no NaN or infinity.")


def _options(config: Any) -> Options:
    if not isinstance(config, dict):
        raise bad_request("processing_config must be an object.")
    refuse_unknown(config, tuple(f.name for f in fields(Options)), "processing_config")
    for name, value in config.items():
        _check_option(f"processing_config.{name}", name, value)
    return from_plain(Options, config)


def _check_option(where: str, name: str, value: Any) -> None:
    if name in SWITCHES and not isinstance(value, bool):
        raise bad_request(f"{where} must be true or false.")
    if name in NAME_LISTS and not _is_names(value):
        raise bad_request(f"{where} must be a list of column names.")
    if name == "group_by" and not (value is None or _is_name(value)):
        raise bad_request(f"{where} must be a column's name or null.")
    if name == "dtype" and value not in DTYPES:
        raise bad_request(f"{where} must be {' or '.join(DTYPES)}.")


def _is_names(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_name, value))


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and value != "" and is_utf8(value)


def _job_id(job_id: Any) -> str:
    if job_id is None:
        return f"inline-{secrets.token_hex(6)}"
    if not isinstance(job_id, str) or not JOB_ID.fullmatch(job_id):
        raise bad_request(
            "job_id must have 1 to 64 of the characters a-z, 0-9 and '-', the first of them no '-'."
        )
    return job_id
