"""The record of an upload: found, adopted or created, but never two for one upload."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace

from contracts.manifest import Options
from pipeline.clock import now
from pipeline.dataset.identity import Upload, alternative_id, default_id
from pipeline.errors import LostRace
from pipeline.model import Job, Source, Status
from pipeline.store import JobStore


@dataclass(frozen=True)
class Application:
    """An upload that wants to become a job, under `job_id` if it asks for one."""

    upload: Upload
    uploaded_at: str
    size_bytes: int
    job_id: str | None
    options: Options


class Registration:
    """Enters uploads into the jobs table."""

    def __init__(self, store: JobStore) -> None:
        self._store = store

    def enter(self, application: Application) -> Job:
        """The record of the upload, past SUBMITTED: a new one is VALIDATING.

        When another upload has the id, the job gets one made of it, and both records say so.
        """
        upload = application.upload
        job_id = application.job_id or default_id(upload)
        job = self._find_or_create(_new_job(application, job_id))
        if _is_of(upload, job):
            return self._adopt(job, application)
        other_id = alternative_id(job_id, upload)
        told = f"The job id {job_id!r} belongs to {_uri(job.source)}; this job is {other_id!r}."
        own = self._find_or_create(_new_job(application, other_id).with_warnings((told,)))
        self._warn(job, f"{_uri(own.source)} asked for this job's id too; it is {other_id!r}.")
        return own

    def find(self, upload: Upload) -> Job | None:
        """The record of the upload, whatever its id, or None."""
        page = self._store.list(source=upload.key)
        while True:
            for job in page.jobs:
                if _is_of(upload, job):
                    return job
            if page.next is None:
                return None
            page = self._store.list(source=upload.key, start=page.next)

    def _find_or_create(self, new: Job) -> Job:
        job = self._store.find(new.job_id)
        if job is not None:
            return job
        try:
            return self._store.save(new)
        except LostRace:
            return self._store.get(new.job_id)

    def _adopt(self, job: Job, application: Application) -> Job:
        """POST /jobs has written the record before the object."""
        while job.status is Status.SUBMITTED:
            adopted = replace(job, source=_source(application), options=application.options)
            with suppress(LostRace):
                return self._store.save(adopted.advance(Status.VALIDATING, now()))
            job = self._store.get(job.job_id)
        return job

    def _warn(self, job: Job, warning: str) -> None:
        while (warned := job.with_warnings((warning,))) != job:
            with suppress(LostRace):
                self._store.save(warned)
                return
            job = self._store.get(job.job_id)


def _is_of(upload: Upload, job: Job) -> bool:
    source = job.source
    if (source.bucket, source.key) != (upload.bucket, upload.key):
        return False
    return source.version_id == upload.version_id or job.status is Status.SUBMITTED


def _new_job(application: Application, job_id: str) -> Job:
    time = now()
    return Job(
        job_id=job_id,
        status=Status.VALIDATING,
        source=_source(application),
        created_at=time,
        updated_at=time,
        options=application.options,
    )


def _source(application: Application) -> Source:
    upload = application.upload
    return Source(
        bucket=upload.bucket,
        key=upload.key,
        version_id=upload.version_id,
        uploaded_at=application.uploaded_at,
        size_bytes=application.size_bytes,
    )


def _uri(source: Source) -> str:
    version = f" at version {source.version_id}" if source.version_id else ""
    return f"s3://{source.bucket}/{source.key}{version}"
