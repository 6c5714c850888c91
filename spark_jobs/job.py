"""What the scripts share: the spec in, the summaries, the timings and the marker out."""

from __future__ import annotations

import hashlib
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import boto3
from pyspark.sql import SparkSession

from contracts.codec import to_json
from contracts.layout import MARKER_NAME, TIMINGS_NAME, S3Uri, summary_name
from contracts.marker import Marker, Outcome, OutputFile
from contracts.metrics import PipelineTimings, SparkTimings
from contracts.spec import SparkSpec
from contracts.storage import read_document
from contracts.summary import Summary

STAGE = "spark"

Summarise = Callable[[SparkSession, SparkSpec], Summary]


class Job:
    """One attempt: its spec, its session, and what it leaves."""

    def __init__(self, spec_uri: str, s3: Any) -> None:
        self._s3 = s3
        self._started_at = _now()
        self.spec = read_document(SparkSpec, spec_uri, s3)
        self.session = SparkSession.builder.appName(self.spec.job_id).getOrCreate()
        self.session.sparkContext.setLogLevel("WARN")
        self.session.range(1).count()
        self.startup_seconds = time.time() - _driver_start(self.session)
        say(f"Spark is up after {self.startup_seconds:.1f} s")

    def run(self, pipeline: str, summarise: Summarise) -> tuple[Summary | None, float, str | None]:
        """Run a pipeline once: its summary and wall time in seconds, or why it failed."""
        began = time.perf_counter()
        try:
            summary = summarise(self.session, self.spec)
        except Exception as error:
            reason = f"{type(error).__name__}: {str(error).strip().splitlines()[0]}"
            say(f"{pipeline} failed: {reason}")
            return None, 0.0, reason
        return summary, time.perf_counter() - began, None

    def leave(
        self,
        summaries: dict[str, Summary],
        warm_up_seconds: float,
        dataframe: PipelineTimings | None,
        rdd: PipelineTimings | None,
    ) -> int:
        """Write the documents, the marker last; returns the process's exit code."""
        if not summaries:
            return 1
        timings = SparkTimings(
            rows=self.spec.rows,
            cores=self.session.sparkContext.defaultParallelism,
            startup_seconds=self.startup_seconds,
            warm_up_seconds=warm_up_seconds,
            dataframe=dataframe,
            rdd=rdd,
        )
        files = [self._write(summary_name(name), summary) for name, summary in summaries.items()]
        files.append(self._write(TIMINGS_NAME, timings))
        marker = Marker(
            job_id=self.spec.job_id,
            stage=STAGE,
            attempt=self.spec.attempt,
            outcome=Outcome.SUCCEEDED,
            started_at=self._started_at,
            finished_at=_now(),
            files=tuple(files),
        )
        self._write(MARKER_NAME, marker)
        return 0

    def _write(self, name: str, document: Any) -> OutputFile:
        body = to_json(document).encode()
        place = S3Uri.parse(self.spec.output).join(name)
        self._s3.put_object(
            Bucket=place.bucket, Key=place.key, Body=body, ContentType="application/json"
        )
        return OutputFile(name, len(body), hashlib.sha256(body).hexdigest())


def run_alone(pipeline: str, summarise: Summarise) -> int:
    """One pipeline as a script of its own: a warm-up, then one timed run."""
    job = start()
    _, warm_up_seconds, _ = job.run(pipeline, summarise)
    summary, seconds, error = job.run(pipeline, summarise)
    timings = PipelineTimings((seconds,) if summary else (), error)
    say(f"{pipeline} {seconds:.2f} s")
    return job.leave(
        {pipeline: summary} if summary else {},
        warm_up_seconds,
        dataframe=timings if pipeline == "dataframe" else None,
        rdd=timings if pipeline == "rdd" else None,
    )


def start() -> Job:
    """The job that the command line names."""
    if len(sys.argv) != 2:
        sys.exit("usage: spark-submit SCRIPT SPEC-URI")
    return Job(sys.argv[1], boto3.client("s3"))


def say(line: str) -> None:
    """Progress, in the driver's standard output."""
    print(line, flush=True)


def _driver_start(session: SparkSession) -> float:
    """When the driver's JVM started, in seconds since 1970."""
    jvm: Any = session.sparkContext._jvm
    return float(jvm.java.lang.management.ManagementFactory.getRuntimeMXBean().getStartTime()) / 1e3


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
