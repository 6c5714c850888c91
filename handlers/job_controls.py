"""What people may do to a job over HTTP: the requests' bodies, and the rerun itself."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from http import HTTPStatus

from contracts.layout import JobLayout
from contracts.manifest import Manifest
from handlers.problem_details import HttpProblem, bad_request
from handlers.request_body import is_utf8, parse_object, refuse_unknown
from pipeline.clock import now
from pipeline.errors import LostRace
from pipeline.model import MAX_WARNING_CHARACTERS, Job
from pipeline.objects import Objects
from pipeline.rerun import is_same_rerun, is_validated, rerun_ids, rerun_of
from pipeline.settings import ApiSettings
from pipeline.store import JobStore


def parse_reason(text: str) -> str:
    """Why the caller wants a job cancelled. Raises HttpProblem."""
    body = parse_object(text) if text else {}
    refuse_unknown(body, ("reason",), "the body")
    reason = body.get("reason", "no reason was given")
    if not isinstance(reason, str) or len(reason) > MAX_WARNING_CHARACTERS or not is_utf8(reason):
        raise bad_request(f"reason must be a text of at most {MAX_WARNING_CHARACTERS} characters.")
    return reason


def parse_whole(text: str) -> bool:
    """Whether all the work of a job is to be done again. Raises HttpProblem."""
    body = parse_object(text) if text else {}
    refuse_unknown(body, ("whole",), "the body")
    whole = body.get("whole", False)
    if not isinstance(whole, bool):
        raise bad_request("whole must be true or false.")
    return whole


def start_rerun(
    job: Job, whole: bool, store: JobStore, objects: Objects, settings: ApiSettings
) -> Job:
    """Enter the rerun of `job` as a job of its own, QUEUED, or find the one that is under way.

    Raises HttpProblem.
    """
    if not job.status.is_end:
        raise HttpProblem(
            HTTPStatus.CONFLICT,
            f"Job {job.job_id!r} is still {job.status}: wait for its end, or cancel it.",
        )
    if not is_validated(job):
        raise HttpProblem(
            HTTPStatus.CONFLICT,
            f"Job {job.job_id!r} ended before its dataset was validated: upload the data again.",
        )
    source = JobLayout(settings.results_bucket, job.job_id).manifest
    manifest = objects.find(Manifest, source)
    if manifest is None:
        raise HttpProblem(
            HTTPStatus.CONFLICT,
            f"What job {job.job_id!r} worked on is not known any more: upload the data again.",
        )
    for job_id in rerun_ids(job.job_id):
        place = JobLayout(settings.results_bucket, job_id).manifest
        rerun = rerun_of(job, job_id, now(), whole=whole)
        found = store.find(job_id)
        # Another job may be on its way to the same id.
        if found is None and objects.create(replace(manifest, job_id=job_id), place):
            with suppress(LostRace):
                return store.save(rerun)
        found = found or store.find(job_id)
        if found is not None and is_same_rerun(found, rerun):
            return found
    raise AssertionError("there is always another id")
