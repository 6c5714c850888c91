"""`bigdata loadtest`: many small jobs at once, to see what the coordination does under load."""

from __future__ import annotations

import json
import random
import secrets
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import boto3
import click
from rich.console import RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from cli.api import Api
from cli.console import err, print_result, tell
from cli.errors import CliError
from cli.jobs import json_option
from cli.load_report import LoadReport, Spread, load_report
from cli.target import NO_CLOUD, use_cloud
from cli.text import count, seconds
from cli.watch import follow, raise_unless_completed, shown
from local.cloud import Cloud, current
from local.compute.config import StateFolder
from local.compute.replay import Recording
from local.config import home_from_environment
from pipeline.model import Status

UPLOADS_AT_ONCE = 16
ROWS = 200
POLL_S = 2.0
SHORTEST_S, LONGEST_S = 0.05, 2.0
"""Of a replayed job: from nothing to do to a small Batch job."""

STALLED_S = 600.0
"""Longer than the visibility timeout, after which SQS brings a lost message again."""

Document = dict[str, Any]


@click.command(
    epilog="\b\nExamples:\n  bigdata loadtest\n  bigdata loadtest --jobs 50 --computed 5"
)
@click.option("--jobs", "total", type=click.IntRange(1, 5000), default=500, show_default=True)
@click.option(
    "--computed", type=click.IntRange(0), default=20, show_default=True, help="On real engines."
)
@json_option
def loadtest(total: int, computed: int, as_json: bool) -> None:
    """Load the local cloud with many small jobs at once.

    Each of them is seen to its end. It is the coordination that is loaded: functions, queues,
    records and events are those of any job. One job is computed first; all but --computed of the
    others are given its results, after a random delay of up to two seconds, in the place of a Batch
    job and a Spark run. The exit code is 0 only when every job has been done, and done once.
    """
    cloud = current(home_from_environment())
    if cloud is None:
        raise CliError(NO_CLOUD)
    target = use_cloud(cloud)
    run = f"load-{secrets.token_hex(3)}"
    api = Api(target.api_url)
    s3 = boto3.client("s3")
    recorded = f"{run}-recorded"
    _upload(s3, target.ingest_bucket, recorded)
    with shown(recorded) as show:
        raise_unless_completed(json.loads(follow(api, recorded, show)))
    place = StateFolder(cloud.config.home.compute).recording
    bucket = cloud.outputs["ResultsBucket"]
    Recording(f"{run}-replayed-", bucket, recorded, SHORTEST_S, LONGEST_S).write(place)
    job_ids = _job_ids(run, total, min(computed, total))
    began = time.time()
    try:
        with ThreadPoolExecutor(UPLOADS_AT_ONCE) as uploads:
            list(uploads.map(lambda job_id: _upload(s3, target.ingest_bucket, job_id), job_ids))
        uploaded_s = time.time() - began
        tell(f"{count(total, 'job')} uploaded in {seconds(uploaded_s)}")
        documents = _followed(api, job_ids, began)
    finally:
        place.unlink(missing_ok=True)
    report = load_report(
        job_ids, documents, _launches(run), list(_handled(cloud, run, began)), began, uploaded_s
    )
    click.echo(json.dumps(asdict(report))) if as_json else print_result(_table(report))
    if not report.is_faultless:
        raise CliError(_faults(report))


def _job_ids(run: str, total: int, computed: int) -> list[str]:
    """In the order in which they are uploaded: those that are computed come among the others."""
    kinds = ["computed"] * computed + ["replayed"] * (total - computed)
    random.shuffle(kinds)
    return [f"{run}-{kind}-{number:04d}" for number, kind in enumerate(kinds)]


def _upload(s3: Any, bucket: str, job_id: str) -> None:
    lines = (f"{n},{random.gauss(20, 5):.3f},{'north' if n % 2 else 'south'}" for n in range(ROWS))
    s3.put_object(
        Bucket=bucket,
        Key=f"input/{job_id}.csv",
        Body="\n".join(("id,value,place", *lines)).encode(),
        Metadata={"job-id": job_id},
    )


def _followed(api: Api, job_ids: Sequence[str], began: float) -> dict[str, Document]:
    """The jobs' documents, once all have come to an end, or when none does any more."""
    columns = (TextColumn("jobs"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    ended, moved_at = 0, time.monotonic()
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as progress:
        task = progress.add_task("jobs", total=len(job_ids))
        while True:
            documents = {each["job_id"]: each for each in _listed(api, began)}
            known = [documents[job_id] for job_id in job_ids if job_id in documents]
            before, ended = ended, sum(Status(each["status"]).is_end for each in known)
            progress.update(task, completed=ended)
            if ended != before:
                moved_at = time.monotonic()
            if ended == len(job_ids) or time.monotonic() - moved_at > STALLED_S:
                return {each["job_id"]: each for each in known}
            time.sleep(POLL_S)


def _listed(api: Api, since: float) -> Iterator[Document]:
    """All jobs that were made after `since`, in seconds since 1970."""
    first, token = datetime.fromtimestamp(since, UTC).isoformat(), None
    while True:
        page = json.loads(api.get("/jobs", limit=100, next=token))
        yield from (job for job in page["jobs"] if job["created_at"] >= first)
        token = page["next"]
        if token is None or page["jobs"][-1]["created_at"] < first:
            return


def _launches(run: str) -> Counter[str]:
    """How often AWS was given each attempt's work, by the name that it has there."""
    batch, emr = boto3.client("batch"), boto3.client("emr-serverless")
    names = [{"name": "JOB_NAME", "values": [f"bigdata-{run}-*"]}]
    launches: Counter[str] = Counter()
    for queue in batch.describe_job_queues()["jobQueues"]:
        pages = batch.get_paginator("list_jobs").paginate(
            jobQueue=queue["jobQueueArn"], filters=names
        )
        launches.update(job["jobName"] for page in pages for job in page["jobSummaryList"])
    for application in emr.list_applications()["applications"]:
        pages = emr.get_paginator("list_job_runs").paginate(applicationId=application["id"])
        runs = (each for page in pages for each in page["jobRuns"])
        launches.update(name for each in runs if (name := each.get("name")))
    return launches


def _handled(cloud: Cloud, run: str, began: float) -> Iterator[Document]:
    """What the coordinator logged of each message about the run's jobs."""
    pages = (
        boto3.client("logs")
        .get_paginator("filter_log_events")
        .paginate(
            logGroupName=cloud.outputs["CoordinateLogGroup"],
            startTime=round(began * 1000),
        )
    )
    for page in pages:
        for event in page["events"]:
            for line in event["message"].splitlines():
                if '"handled"' in line and f'"{run}-' in line:
                    yield json.loads(line)


def _table(report: LoadReport) -> RenderableType:
    table = Table(box=None, show_header=False, padding=(0, 3, 0, 0))
    statuses = ", ".join(f"{count(n)} {status}" for status, n in report.statuses.items())
    faults = (report.lost, report.unfinished, report.doubled)
    lost, unfinished, doubled = map(len, faults)
    rows = (
        ("Jobs", f"{count(report.jobs)}, of which {count(report.computed)} on real engines"),
        ("Ends", f"{statuses}; {lost} lost, {unfinished} unfinished, {doubled} done twice"),
        ("Time", f"{seconds(report.took_s)}, {_rate(report)}"),
        ("Messages", count(report.messages)),
        ("In the queue", _spread(report.waited_ms)),
        ("At the coordinator", _spread(report.took_ms)),
    )
    for row in rows:
        table.add_row(*row)
    return table


def _rate(report: LoadReport) -> str:
    return f"{report.jobs / report.took_s:.2f} jobs/s" if report.took_s else "no job has ended"


def _spread(spread: Spread | None) -> str:
    if spread is None:
        return "not known"
    median, p95, most = (seconds(ms / 1000) for ms in (spread.median, spread.p95, spread.most))
    return f"{median} (median), {p95} (95 %), {most} (most)"


def _faults(report: LoadReport) -> str:
    """Which jobs to look at."""
    named = [*report.lost, *report.unfinished, *report.doubled]
    statuses = {status for status in report.statuses if status != Status.COMPLETED}
    told = f"; some are {', '.join(sorted(statuses))}, see `bigdata jobs`" if statuses else ""
    return f"not every job has been done once: {', '.join(named[:10]) or 'see below'}{told}"
