"""The record of an upload: found, adopted or created, but never two for one upload."""

from __future__ import annotations

from dataclasses import replace

from pipeline.application import Application
from pipeline.clock import now
from pipeline.dataset.identity import Upload, alternative_id, default_id
from pipeline.errors import LostRace
from pipeline.model import Job, Source, Status
from pipeline.store import JobStore


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
        job, is_new = self._find_or_create(_new_job(application, job_id))
        if _is_of(upload, job):
            return job if is_new else self._known(job, application)
        other_id = alternative_id(job_id, upload)
        told = f"The job id {job_id!r} belongs to {_uri(job.source)}; this job is {other_id!r}."
        new = _new_job(application, other_id).with_warnings((told,))
        own, is_new = self._find_or_create(new)
        warning = f"{_uri(own.source)} asked for this job's id too; it is {other_id!r}."
        self._store.change(job, lambda read: read.with_warnings((warning,)))
        return own if is_new else self._known(own, application)

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

    def _find_or_create(self, new: Job) -> tuple[Job, bool]:
        """The record with that id, and whether it is new."""
        job = self._store.find(new.job_id)
        if job is not None:
            return job, False
        try:
            return self._store.save(new), True
        except LostRace:
            return self._store.get(new.job_id), False

    def _known(self, job: Job, application: Application) -> Job:
        """The upload's record, adopted when POST /jobs wrote it before the object, else counted."""

        def told(read: Job) -> Job:
            if read.status is not Status.SUBMITTED:
                return replace(read, duplicate_events=read.duplicate_events + 1)
            adopted = replace(read, source=_source(application), options=application.options)
            return adopted.advance(Status.VALIDATING, now())

        return self._store.change(job, told)


def _is_of(upload: Upload, job: Job) -> bool:
    source = job.source
    if (source.bucket, source.key) != (upload.bucket, upload.key):
        return False
    # POST /jobs writes the record before the object, when there is no version yet; when validation
    # is called for such a record, it is told of none.
    return None in (source.version_id, upload.version_id) or source.version_id == upload.version_id


def _new_job(application: Application, job_id: str) -> Job:
    time = now()
    job = Job(
        job_id=job_id,
        status=Status.VALIDATING,
        source=_source(application),
        created_at=time,
        updated_at=time,
        options=application.options,
    )
    return job.entered().with_warnings(application.warnings)


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
