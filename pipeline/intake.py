"""What becomes of an upload: a job, its validation, and word to the work queue.

A file is validated at once. A folder is looked at again after the quiet period, and then ever less
often, as long as it changes; each look is a message on the work queue, for which the coordinator
calls here again. Everything may be called twice: the record says how far the job is. A dataset
whose result is there already, under another key, gets that result.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace

from contracts.layout import JobLayout
from contracts.manifest import Manifest, SourceObject
from contracts.problem import Problem
from contracts.report import Report
from pipeline.application import gone, read_application
from pipeline.clock import now
from pipeline.dataset.assembly import Finding, assemble
from pipeline.dataset.content_id import content_id
from pipeline.dataset.description import describe
from pipeline.dataset.folder import (
    Look,
    data_files,
    fingerprint,
    has_arrived,
    next_look_seconds,
    partition_warnings,
)
from pipeline.dataset.identity import Upload
from pipeline.dataset.limits import FOLLOWING_SAMPLE_BYTES, SAMPLE_BYTES
from pipeline.errors import InputRejected, LostRace, ObjectGone
from pipeline.job_events import DatasetValidated
from pipeline.messages import DatasetArriving
from pipeline.model import Attempt, AttemptState, Job, Stage, Status, seconds_between
from pipeline.objects import Objects
from pipeline.registration import Registration
from pipeline.settings import ValidateSettings
from pipeline.store import JobStore
from pipeline.work_queue import WorkQueue

PARALLEL_READS = 10
"""As many connections as a boto3 client keeps open."""

NOT_LOOKED_YET = ""
"""The fingerprint of a folder before the first look; no listing has it."""


class Intake:
    """Takes uploads in, and folders that are still arriving."""

    def __init__(
        self, objects: Objects, store: JobStore, queue: WorkQueue, settings: ValidateSettings
    ) -> None:
        self._objects = objects
        self._store = store
        self._queue = queue
        self._settings = settings
        self._registration = Registration(store)

    def take(self, upload: Upload, uploaded_at: str) -> Job:
        """Make a job of an upload, and validate it unless it is a folder.

        Raises what AWS raises; whatever is wrong with the upload ends in a REJECTED job.
        """
        started_at = now()
        application, problem = read_application(self._objects, upload, uploaded_at)
        job = self._registration.enter(application)
        if job.status is not Status.VALIDATING:
            return self._announced(job)
        if problem is not None:
            return self._reject(job, problem, started_at)
        if upload.is_folder:
            return self.settle(
                DatasetArriving(
                    job_id=job.job_id,
                    bucket=upload.bucket,
                    key=upload.key,
                    version_id=upload.version_id,
                    fingerprint=NOT_LOOKED_YET,
                    since=started_at,
                )
            )
        size_bytes, etag = job.source.size_bytes, application.etag
        file = SourceObject(upload.key, upload.version_id, size_bytes, etag=etag)
        return self._validate(job, [file], started_at)

    def settle(self, arriving: DatasetArriving) -> Job:
        """Look at a folder: validate it when nothing changed since the last look, or come again."""
        started_at = now()
        job = self._store.get(arriving.job_id)
        if job.status is not Status.VALIDATING:
            return self._announced(job)
        upload = Upload(arriving.bucket, arriving.key, arriving.version_id)
        waited = seconds_between(arriving.since, started_at)
        try:
            files = self._files(upload)
            uploads = self._objects.uploads_in_progress(upload.bucket, upload.folder)
            look = Look(files, uploads, waited)
            arrived = has_arrived(look, upload.folder, arriving.fingerprint)
        except InputRejected as error:
            return self._reject(job, error.problem, started_at)
        if not arrived:
            self._queue.send(
                replace(arriving, fingerprint=fingerprint(files)),
                delay_seconds=next_look_seconds(waited, self._settings.quiet_period_seconds),
            )
            return self._seen(job, look.awaited)
        return self._validate(job, files, started_at, partition_warnings(files, upload.folder))

    def _files(self, upload: Upload) -> tuple[SourceObject, ...]:
        return data_files(self._objects.list_latest(upload.bucket, upload.folder), upload.folder)

    def _validate(
        self,
        job: Job,
        files: Sequence[SourceObject],
        started_at: str,
        warnings: tuple[str, ...] = (),
    ) -> Job:
        bucket = job.source.bucket
        try:
            findings = self._findings(bucket, files)
            assembled = assemble(job.job_id, bucket, findings, job.options)
        except InputRejected as error:
            return self._reject(job, error.problem, started_at)
        except ObjectGone as error:
            return self._reject(job, gone(error), started_at)
        layout = JobLayout(self._settings.results_bucket, job.job_id)
        self._objects.write(assembled.manifest, layout.manifest)
        warnings += assembled.warnings
        content = content_id(assembled.manifest, self._settings.engines)
        finished, report = (None, None) if job.options.force else self._finished(content)

        def conclusion(read: Job) -> Job:
            read = replace(read, content=content)
            queued = _queued(read, assembled.manifest, warnings, started_at)
            if finished is None or report is None:
                return queued
            return queued.with_result_of(finished, report.warnings, now())

        return self._announced(self._conclude(job, conclusion))

    def _finished(self, content: str) -> tuple[Job | None, Report | None]:
        """A job whose result this content would come to as well, and its report if it is there."""
        job = self._store.completed(content)
        if job is None:
            return None, None
        layout = JobLayout(self._settings.results_bucket, job.reused_from or job.job_id)
        return job, self._objects.find(Report, layout.report)

    def _findings(self, bucket: str, files: Sequence[SourceObject]) -> list[Finding]:
        """Look at every file, at the first one longest."""

        def look(number: int, file: SourceObject) -> Finding:
            window = FOLLOWING_SAMPLE_BYTES if number else SAMPLE_BYTES
            try:
                with self._objects.open(bucket, file) as opened:
                    return Finding(file, describe(opened, file.key, file.size_bytes, window))
            except InputRejected as error:
                return Finding(file, error.problem)

        with ThreadPoolExecutor(min(PARALLEL_READS, len(files))) as readers:
            return list(readers.map(look, range(len(files)), files))

    def _reject(self, job: Job, problem: Problem, started_at: str) -> Job:
        return self._conclude(job, lambda read: _rejected(read, problem, started_at))

    def _conclude(self, job: Job, conclusion: Callable[[Job], Job]) -> Job:
        """Save what validation found, unless another call has done so already."""
        while job.status is Status.VALIDATING:
            with suppress(LostRace):
                return self._store.save(conclusion(job))
            job = self._store.get(job.job_id)
        return job

    def _seen(self, job: Job, awaited: str) -> Job:
        """Note that a folder was looked at, so that its job is not taken for a silent one."""
        with suppress(LostRace):
            return self._store.save(job.seen_arriving(awaited, now()))
        return job

    def _announced(self, job: Job) -> Job:
        """Tell the work queue of a validated job; saying it twice does no harm."""
        if job.status is Status.QUEUED:
            self._queue.send(DatasetValidated(job.job_id))
        return job


def _queued(job: Job, manifest: Manifest, warnings: tuple[str, ...], started_at: str) -> Job:
    source = replace(
        job.source,
        size_bytes=manifest.size_bytes,
        format=manifest.format.value,
        files=len(manifest.files),
    )
    time = now()
    validated = replace(job, source=source).with_warnings(warnings)
    attempt = _attempt(AttemptState.SUCCEEDED, started_at, time)
    return validated.with_attempt(attempt, time).advance(Status.QUEUED, time)


def _rejected(job: Job, problem: Problem, started_at: str) -> Job:
    time = now()
    attempt = _attempt(AttemptState.FAILED, started_at, time, problem)
    return job.with_attempt(attempt, time).advance(Status.REJECTED, time, problem)


def _attempt(
    state: AttemptState, started_at: str, finished_at: str, error: Problem | None = None
) -> Attempt:
    return Attempt(
        stage=Stage.VALIDATE,
        number=1,
        state=state,
        claimed_at=started_at,
        started_at=started_at,
        finished_at=finished_at,
        error=error,
    )
