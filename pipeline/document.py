"""The job document: what `GET /jobs/<id>` answers and `bigdata --json` prints."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from contracts.layout import NORMALIZED_PREFIX, JobLayout, S3Uri
from contracts.problem import Problem
from pipeline.model import Attempt, AttemptState, Job, Source, Stage, Status, seconds_between


@dataclass(frozen=True)
class StageDocument:
    """One attempt of a stage; `duration_s` is None until it has ended.

    `origin` is the job that made the attempt when this one only has its result.
    """

    name: str
    status: str
    attempt: int
    started_at: str | None
    finished_at: str | None
    duration_s: float | None
    external_id: str | None
    origin: str | None
    error: Problem | None


@dataclass(frozen=True)
class JobDocument:
    """`progress` is the share of the stages that are done, from 0 to 1.

    `processing_time` is the seconds from the upload (for a rerun, from its beginning) to the end,
    and `overhead_s` what is left of them without the stages' own run times; both are None until
    the job has ended. `metrics` and `cost` are those of the report, None until there is one and in
    lists of jobs, and `cost` None for a job that has the result of another, `reused_from`.
    `spent_usd` is for all that the job's Batch jobs and Spark runs have done, those that failed or
    were stopped too, None until it has ended.
    """

    job_id: str
    rerun_of: str | None
    reused_from: str | None
    status: str
    progress: float
    overhead_s: float | None
    source: Source
    records_processed: int | None
    processing_time: float | None
    stages: tuple[StageDocument, ...]
    metrics: dict[str, Any] | None
    cost: dict[str, Any] | None
    spent_usd: float | None
    results: dict[str, str]
    warnings: tuple[str, ...]
    error: Problem | None
    duplicate_events: int
    created_at: str
    updated_at: str


def job_document(
    job: Job,
    results_bucket: str,
    report: dict[str, Any] | None = None,
    spent_usd: float | None = None,
) -> JobDocument:
    """The document of `job`, with the metrics and the cost of `report` where there is one."""
    report = report or {}
    took = _processing_time(job)
    return JobDocument(
        job_id=job.job_id,
        rerun_of=job.rerun_of,
        reused_from=job.reused_from,
        status=job.status.value,
        progress=_progress(job),
        overhead_s=None if took is None else round(took - _own_seconds(job), 3),
        source=job.source,
        records_processed=job.totals.records if job.totals else None,
        processing_time=took,
        stages=tuple(_stage(attempt) for attempt in job.attempts),
        metrics=report.get("metrics"),
        cost=None if job.reused_from else report.get("cost"),
        spent_usd=spent_usd,
        results=_results(job, JobLayout(results_bucket, job.job_id)),
        warnings=job.warnings,
        error=job.error,
        duplicate_events=job.duplicate_events,
        created_at=job.created_at,
        updated_at=job.updated_at,
    )


def _progress(job: Job) -> float:
    done = {a.stage for a in job.attempts if a.state is AttemptState.SUCCEEDED}
    return len(done) / len(Stage)


def _processing_time(job: Job) -> float | None:
    if not job.status.is_end:
        return None
    start = job.created_at if job.rerun_of else job.source.uploaded_at
    return round(seconds_between(start, job.updated_at), 3)


def _own_seconds(job: Job) -> float:
    return sum(attempt.seconds for attempt in job.attempts if not attempt.origin)


def _stage(attempt: Attempt) -> StageDocument:
    return StageDocument(
        name=attempt.stage.value,
        status=attempt.state.value,
        attempt=attempt.number,
        started_at=attempt.started_at,
        finished_at=attempt.finished_at,
        duration_s=round(attempt.seconds, 3) if attempt.finished_at else None,
        external_id=attempt.external_id,
        origin=attempt.origin or None,
        error=attempt.error,
    )


def _results(job: Job, layout: JobLayout) -> dict[str, str]:
    results = {}
    if any(a.stage is Stage.NORMALIZE for a in job.attempts):
        results["manifest"] = str(layout.manifest)
    normalize = job.latest(Stage.NORMALIZE)
    if normalize and normalize.state is AttemptState.SUCCEEDED and job.options.store_results:
        results["normalized"] = str(_place(normalize, layout).join(NORMALIZED_PREFIX))
    spark = job.latest(Stage.SPARK)
    if spark and spark.state is AttemptState.SUCCEEDED:
        results["summaries"] = str(_place(spark, layout))
    if job.status is Status.COMPLETED:
        owner = JobLayout(layout.bucket, job.reused_from or job.job_id)
        results["report"] = str(owner.report)
    return results


def _place(attempt: Attempt, layout: JobLayout) -> S3Uri:
    owner = JobLayout(layout.bucket, attempt.origin or layout.job_id)
    return owner.attempt(attempt.stage.value, attempt.number)
