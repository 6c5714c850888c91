"""The frame of all scripts: the spec in, the summaries, the timings and the marker out."""

from __future__ import annotations

import hashlib
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

import boto3
from pyspark.sql import SparkSession

from contracts import outage
from contracts.codec import to_json
from contracts.layout import MARKER_NAME, TIMINGS_NAME, S3Uri, summary_name
from contracts.marker import Marker, Outcome, OutputFile
from contracts.metrics import SparkTimings
from contracts.spec import SparkSpec
from contracts.storage import S3Client, read_document, write_document
from contracts.summary import MOST_CORRELATED, Summary
from spark_jobs.session import open_session, seconds_since_start
from spark_jobs.turns import Result, Runner, run_by_turns, say

STAGE = "spark"


@dataclass(frozen=True)
class Pipeline:
    """One way to the summary; `name` is rdd or dataframe."""

    name: str
    summarise: Callable[[SparkSession, SparkSpec], Summary]


def main(*pipelines: Pipeline) -> int:
    """The exit code: 0 when a pipeline has left its summary, 75 when S3 has failed, else 1.

    Two pipelines or more are compared; a single one runs once, cold, for the sake of its result.
    """
    if len(sys.argv) != 2:
        print("usage: spark-submit SCRIPT SPEC-URI", file=sys.stderr)
        return 2
    s3 = boto3.client("s3")
    try:
        return run(pipelines, read_document(SparkSpec, sys.argv[1], s3), s3)
    except Exception as error:
        if not outage.is_outage(error):
            raise
        traceback.print_exc()
        return outage.EXIT


def run(pipelines: Sequence[Pipeline], spec: SparkSpec, s3: S3Client) -> int:
    """Run `pipelines` over what `spec` names; see `main`."""
    started_at = _now()
    session = open_session(f"{spec.job_id} {STAGE}-{spec.attempt}")
    startup_seconds = seconds_since_start(session)
    cores = session.sparkContext.defaultParallelism
    say(f"Spark is up after {startup_seconds:.1f} s, with {cores} cores")
    runners = [Runner(one.name, partial(one.summarise, session, spec)) for one in pipelines]
    warm_up_seconds = run_by_turns(runners) if len(runners) > 1 else _run_once(*runners)
    results = {runner.pipeline: runner.result() for runner in runners}
    if not any(result.summary for result in results.values()):
        # EMR Serverless takes such a line of the log for the run's details.
        for result in results.values():
            print(result.timings.error, file=sys.stderr)
        return outage.EXIT if any(result.is_outage for result in results.values()) else 1
    timings = SparkTimings(
        rows=spec.rows,
        cores=cores,
        startup_seconds=startup_seconds,
        warm_up_seconds=warm_up_seconds,
        dataframe=results["dataframe"].timings if "dataframe" in results else None,
        rdd=results["rdd"].timings if "rdd" in results else None,
    )
    _leave(spec, started_at, results, timings, s3)
    return 0


def _run_once(runner: Runner) -> float:
    say(f"{runner.pipeline}: {runner.timed_run():.2f} s")
    return 0.0


def _leave(
    spec: SparkSpec,
    started_at: str,
    results: Mapping[str, Result],
    timings: SparkTimings,
    s3: S3Client,
) -> None:
    """Write the documents and last, because it makes them count, the marker."""
    documents: dict[str, object] = {
        summary_name(pipeline): result.summary
        for pipeline, result in results.items()
        if result.summary
    }
    documents[TIMINGS_NAME] = timings
    output = S3Uri.parse(spec.output)
    for name, document in documents.items():
        write_document(document, str(output.join(name)), s3)
    marker = Marker(
        job_id=spec.job_id,
        stage=STAGE,
        attempt=spec.attempt,
        outcome=Outcome.SUCCEEDED,
        started_at=started_at,
        finished_at=_now(),
        files=tuple(_output_file(name, document) for name, document in documents.items()),
        warnings=(*_failures(results), *_left_out(spec)),
    )
    write_document(marker, str(output.join(MARKER_NAME)), s3)


def _failures(results: Mapping[str, Result]) -> Iterator[str]:
    for pipeline, result in results.items():
        if result.timings.error:
            yield f"the {pipeline} pipeline failed: {result.timings.error}"


def _left_out(spec: SparkSpec) -> Iterator[str]:
    if len(spec.columns) > MOST_CORRELATED:
        yield (
            f"Correlations are given of the first {MOST_CORRELATED} of the "
            f"{len(spec.columns):,} columns."
        )


def _output_file(name: str, document: object) -> OutputFile:
    body = to_json(document).encode()
    return OutputFile(name, len(body), hashlib.sha256(body).hexdigest())


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
