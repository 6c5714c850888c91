"""A dataset on its way through the real validation and the real normalization."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from contracts.layout import METRICS_NAME, QUARANTINE_NAME, SPEC_NAME, JobLayout
from contracts.manifest import Manifest
from contracts.marker import Outcome
from contracts.metrics import NormalizeMetrics
from contracts.problem import Problem
from contracts.spec import NormalizeSpec
from contracts.storage import read_document
from gpu_jobs.normalize import run
from pipeline.attempt_files import AttemptFiles
from pipeline.compute_names import AttemptName
from pipeline.dataset.identity import Upload
from pipeline.intake import Intake
from pipeline.model import Job, Status
from pipeline.objects import Objects
from pipeline.settings import ValidateSettings
from pipeline.store import JobStore
from pipeline.work_queue import WorkQueue

INGEST, RESULTS = "ingest", "results"
UPLOADED_AT = "2026-11-23T22:41:07.123Z"


@dataclass(frozen=True)
class Ending:
    """What became of an upload: an error, or a table, metrics, warnings and rows kept aside."""

    job: Job
    error: Problem | None = None
    manifest: Manifest | None = None
    metrics: NormalizeMetrics | None = None
    table: Any = None
    warnings: tuple[str, ...] = ()
    quarantine: tuple[dict[str, Any], ...] = ()

    @property
    def code(self) -> str | None:
        return self.error.code if self.error else None

    def column(self, name: str) -> list[Any]:
        values: list[Any] = self.table[name].to_pylist()
        return values


@dataclass
class Uploader:
    """Sends an object the way of every upload, as far as Spark."""

    s3: Any
    store: JobStore
    intake: Intake
    files: AttemptFiles
    uploads: int = field(default=0)

    def put(self, data: bytes, key: str, **metadata: str) -> Upload:
        told = {name.replace("_", "-"): value for name, value in metadata.items()}
        answer = self.s3.put_object(Bucket=INGEST, Key=key, Body=data, Metadata=told)
        return Upload(INGEST, key, answer["VersionId"])

    def __call__(self, data: bytes, key: str = "input/data.csv", **metadata: str) -> Ending:
        return self.end(self.put(data, key, **metadata))

    def end(self, upload: Upload) -> Ending:
        job = self.intake.take(upload, UPLOADED_AT)
        if job.status is not Status.QUEUED:
            assert job.status is Status.REJECTED, job
            return Ending(job, job.error)
        return self.normalize(job)

    def normalize(self, job: Job) -> Ending:
        layout = JobLayout(RESULTS, job.job_id)
        name = AttemptName(job.job_id, "normalize", 1)
        spec = NormalizeSpec(
            job.job_id, 1, str(layout.manifest), str(self.files.output(name)), use_gpu=False
        )
        run(self.files.write(spec, name, SPEC_NAME), self.s3, "batch-1")
        marker = self.files.marker(name)
        assert marker is not None
        if marker.outcome is Outcome.REJECTED:
            return Ending(job, marker.error)
        names = [file.name for file in marker.files]
        parts = [self._read(name, n) for n in names if n.endswith(".parquet")]
        quarantine = self._read(name, QUARANTINE_NAME) if QUARANTINE_NAME in names else b""
        return Ending(
            job,
            manifest=read_document(Manifest, str(layout.manifest), self.s3),
            metrics=self.files.read(NormalizeMetrics, name, METRICS_NAME),
            table=pa.concat_tables(pq.read_table(io.BytesIO(part)) for part in parts),
            warnings=(*job.warnings, *marker.warnings),
            quarantine=tuple(json.loads(line) for line in quarantine.splitlines()),
        )

    def _read(self, name: AttemptName, file: str) -> bytes:
        place = self.files.output(name).join(file)
        body: bytes = self.s3.get_object(Bucket=place.bucket, Key=place.key)["Body"].read()
        return body


@pytest.fixture
def upload(store: JobStore, make_jobs_table: Callable[[Any], Any]) -> Uploader:
    s3 = boto3.client("s3")
    for bucket in (INGEST, RESULTS):
        s3.create_bucket(Bucket=bucket)
    s3.put_bucket_versioning(Bucket=INGEST, VersioningConfiguration={"Status": "Enabled"})
    sqs = boto3.client("sqs")
    queue = WorkQueue(sqs, sqs.create_queue(QueueName="work")["QueueUrl"])
    intake = Intake(
        Objects(s3), store, queue, ValidateSettings("jobs", RESULTS, "work", 5, "engines")
    )
    return Uploader(s3, store, intake, AttemptFiles(s3, RESULTS))
