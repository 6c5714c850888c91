"""The analysis of a job whose Spark run has ended: reads what the stages left, writes the report.

The function is invoked asynchronously, so it may run twice. An attempt that has left its marker is
not analyzed again, only announced again.
"""

from __future__ import annotations

import time
from hashlib import sha256
from typing import Any, TypeVar

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from analysis.report import StageResults, Usage, build_report
from contracts.billing import BilledResources
from contracts.codec import from_plain, to_json
from contracts.layout import (
    MARKER_NAME,
    METRICS_NAME,
    REPORT_NAME,
    SPEC_NAME,
    TIMINGS_NAME,
    S3Uri,
    summary_name,
)
from contracts.manifest import Manifest
from contracts.marker import Marker, Outcome, OutputFile
from contracts.metrics import NormalizeMetrics, SparkTimings
from contracts.report import Report
from contracts.spec import AnalyzeSpec, NormalizeSpec
from contracts.storage import S3Client, read_document, write_document
from contracts.summary import Summary
from pipeline.attempt_files import AttemptFiles
from pipeline.bootstrap import client, work_queue
from pipeline.clock import now
from pipeline.compute_names import AttemptName
from pipeline.messages import AnalysisFinished
from pipeline.model import Stage, Totals
from pipeline.settings import AnalyzeSettings, from_environment

T = TypeVar("T")

logger = Logger(service="analyze")


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> None:
    """Analyze what the event, an AnalyzeSpec, names, and tell the work queue."""
    settings = from_environment(AnalyzeSettings)
    spec = from_plain(AnalyzeSpec, event)
    logger.append_keys(job_id=spec.job_id, stage=Stage.ANALYZE.value)
    files = AttemptFiles(client("s3"), settings.results_bucket)
    name = AttemptName(spec.job_id, Stage.ANALYZE.value, spec.attempt)
    marker = files.marker(name)
    if marker is None:
        marker = _analyze(spec, settings.aws_region, int(context.memory_limit_in_mb), files)
    report = files.read(Report, name, REPORT_NAME)
    work_queue(settings.work_queue_url).send(_finished(spec, marker, report))
    logger.info("analyzed", verdict=report.metrics.spark.verdict)


def _analyze(spec: AnalyzeSpec, region: str, memory_mb: int, files: AttemptFiles) -> Marker:
    """Leave the report in the attempt and where people look for it, then the marker."""
    started_at, started = now(), time.monotonic()
    s3 = client("s3")
    options = read_document(Manifest, spec.manifest, s3).options
    results = read_results(spec, options.dtype, s3)
    normalize = _read(NormalizeSpec, spec.normalize_output, SPEC_NAME, s3)
    usage = Usage(
        region=region,
        normalize_seconds=spec.normalize_seconds,
        normalize_on_gpu_queue=normalize.use_gpu,
        spark_seconds=spec.spark_seconds,
        billed=billed_resources(spec, client("emr-serverless")),
        analyze_seconds=time.monotonic() - started,
        analyze_memory_mb=memory_mb,
    )
    report = build_report(results, usage)
    write_document(report, _place(spec.output, REPORT_NAME), s3)
    write_document(report, str(files.layout(spec.job_id).report), s3)
    if not options.store_results:
        _drop_normalized(spec, s3)
    marker = _marker(spec, report, started_at)
    write_document(marker, _place(spec.output, MARKER_NAME), s3)
    return marker


def read_results(spec: AnalyzeSpec, dtype: str, s3: S3Client) -> StageResults:
    """What the winning attempts left. Raises what the client raises, and DocumentError."""
    normalized = _read(Marker, spec.normalize_output, MARKER_NAME, s3)
    summarised = _read(Marker, spec.spark_output, MARKER_NAME, s3)
    left = {file.name for file in summarised.files}
    summaries = {
        pipeline: _read(Summary, spec.spark_output, summary_name(pipeline), s3)
        for pipeline in ("dataframe", "rdd")
        if summary_name(pipeline) in left
    }
    return StageResults(
        job_id=spec.job_id,
        dtype=dtype,
        metrics=_read(NormalizeMetrics, spec.normalize_output, METRICS_NAME, s3),
        timings=_read(SparkTimings, spec.spark_output, TIMINGS_NAME, s3),
        dataframe=summaries.get("dataframe"),
        rdd=summaries.get("rdd"),
        warnings=normalized.warnings + summarised.warnings,
    )


def _drop_normalized(spec: AnalyzeSpec, s3: Any) -> None:
    """Delete the normalized data, which the uploader did not ask to keep."""
    for file in _read(Marker, spec.normalize_output, MARKER_NAME, s3).files:
        if file.rows is not None:
            part = S3Uri.parse(spec.normalize_output).join(file.name)
            s3.delete_object(Bucket=part.bucket, Key=part.key)


def billed_resources(spec: AnalyzeSpec, emr: Any) -> BilledResources | None:
    """What EMR Serverless bills for the run, or None while it does not say."""
    run = emr.get_job_run(applicationId=spec.spark_application_id, jobRunId=spec.spark_run_id)[
        "jobRun"
    ]
    return BilledResources.of(run)


def _marker(spec: AnalyzeSpec, report: Report, started_at: str) -> Marker:
    content = to_json(report).encode()
    return Marker(
        job_id=spec.job_id,
        stage=Stage.ANALYZE.value,
        attempt=spec.attempt,
        outcome=Outcome.SUCCEEDED,
        started_at=started_at,
        finished_at=now(),
        files=(OutputFile(REPORT_NAME, len(content), sha256(content).hexdigest()),),
    )


def _finished(spec: AnalyzeSpec, marker: Marker, report: Report) -> AnalysisFinished:
    spark = report.metrics.spark
    return AnalysisFinished(
        job_id=spec.job_id,
        attempt=spec.attempt,
        started_at=marker.started_at,
        finished_at=marker.finished_at,
        totals=Totals(
            records=report.records_processed,
            records_per_s=report.metrics.normalize.records_per_s,
            quality_score=report.metrics.quality.score,
            cost_usd=report.cost.total_usd,
            cost_per_record_usd=report.cost.per_record_usd,
            speedup=spark.speedup,
            agree=spark.agree,
            verdict=spark.verdict,
        ),
        warnings=report.warnings,
    )


def _read(cls: type[T], prefix: str, name: str, s3: S3Client) -> T:
    return read_document(cls, _place(prefix, name), s3)


def _place(prefix: str, name: str) -> str:
    return str(S3Uri.parse(prefix).join(name))
