"""`bigdata logs`: what a job's Batch jobs and Spark runs wrote."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import click
from botocore.exceptions import ClientError

from cli.api import Api
from cli.console import err
from cli.errors import CliError
from cli.target import use_target
from contracts.layout import S3Uri
from local.compute.config import StateFolder
from pipeline.model import Stage

DEFAULT_LOG_GROUP = "/aws/batch/job"
"""Where Batch writes when the job definition names no log group."""

STAGES = (Stage.NORMALIZE.value, Stage.SPARK.value)
STREAMS = ("stdout", "stderr")


@click.command(epilog="\b\nExamples:\n  bigdata logs trips-1\n  bigdata logs trips-1 --stage spark")
@click.argument("job_id")
@click.option("--stage", type=click.Choice(STAGES), help="Only this stage's.")
def logs(job_id: str, stage: str | None) -> None:
    """Print a job's Batch and Spark logs, attempt by attempt."""
    target = use_target()
    document = json.loads(Api(target.api_url).job(job_id))
    attempts = [
        attempt
        for attempt in document["stages"]
        if attempt["external_id"] and attempt["name"] in ((stage,) if stage else STAGES)
    ]
    if not attempts:
        raise CliError(f"job {job_id} is {document['status']} and has started no such work")
    for attempt in attempts:
        name, external_id = attempt["name"], attempt["external_id"]
        err.rule(f"{name}, attempt {attempt['attempt']}: {external_id}", characters="-")
        lines = (
            local_lines(target.compute_files, name, external_id)
            if target.compute_files
            else aws_lines(name, external_id)
        )
        for line in lines:
            click.echo(line)


def local_lines(files: StateFolder, stage: str, external_id: str) -> Iterator[str]:
    """The log that the local cloud keeps of a Batch job or of a Spark run."""
    if stage == Stage.NORMALIZE:
        yield from _lines(files.batch_log(external_id))
        return
    for stream in STREAMS:
        yield from _lines(files.emr_log(external_id, stream))


def aws_lines(stage: str, external_id: str) -> Iterator[str]:
    """The log in CloudWatch of a Batch job, or in S3 of a Spark run's driver."""
    if stage == Stage.NORMALIZE:
        yield from batch_lines(external_id, boto3.client("batch"), boto3.client("logs"))
    else:
        yield from spark_lines(external_id, boto3.client("emr-serverless"), boto3.client("s3"))


def batch_lines(batch_job_id: str, batch: Any, cloudwatch: Any) -> Iterator[str]:
    """All attempts' log streams, one after the other."""
    jobs = batch.describe_jobs(jobs=[batch_job_id])["jobs"]
    if not jobs:
        yield f"(Batch no longer knows the job; look in the log group {DEFAULT_LOG_GROUP})"
        return
    container = jobs[0].get("container", {})
    options = container.get("logConfiguration", {}).get("options", {})
    group = options.get("awslogs-group", DEFAULT_LOG_GROUP)
    streams = [a.get("container", {}).get("logStreamName") for a in jobs[0].get("attempts", [])]
    for stream in dict.fromkeys([*streams, container.get("logStreamName")]):
        if stream:
            yield from _events(cloudwatch, group, stream)


def spark_lines(run_id: str, emr: Any, s3: Any) -> Iterator[str]:
    """The driver's standard output and error, where the run says that they are kept."""
    run = _spark_run(run_id, emr)
    monitoring = run["configurationOverrides"]["monitoringConfiguration"]
    prefix = S3Uri.parse(monitoring["s3MonitoringConfiguration"]["logUri"])
    driver = prefix.join(f"applications/{run['applicationId']}/jobs/{run_id}/SPARK_DRIVER")
    for stream in STREAMS:
        place = driver.join(f"{stream}.gz")
        try:
            body = s3.get_object(Bucket=place.bucket, Key=place.key)["Body"].read()
        except s3.exceptions.NoSuchKey:
            yield f"({place} is not there: EMR Serverless writes it a minute or so later)"
            continue
        yield from gzip.decompress(body).decode(errors="replace").splitlines()


def _spark_run(run_id: str, emr: Any) -> dict[str, Any]:
    for page in emr.get_paginator("list_applications").paginate():
        for application in page["applications"]:
            try:
                answer = emr.get_job_run(applicationId=application["id"], jobRunId=run_id)
            except ClientError as error:
                if error.response["Error"]["Code"] != "ResourceNotFoundException":
                    raise
                continue
            run: dict[str, Any] = answer["jobRun"]
            return run
    raise CliError(f"no EMR Serverless application of this account has the run {run_id}")


def _events(cloudwatch: Any, group: str, stream: str) -> Iterator[str]:
    token: dict[str, str] = {}
    while True:
        page = cloudwatch.get_log_events(
            logGroupName=group, logStreamName=stream, startFromHead=True, **token
        )
        yield from (event["message"] for event in page["events"])
        # The last page names itself as the next one.
        if page["nextForwardToken"] == token.get("nextToken"):
            return
        token = {"nextToken": page["nextForwardToken"]}


def _lines(path: Path) -> Iterator[str]:
    if not path.exists():
        yield f"({path} is not there)"
        return
    with path.open(errors="replace") as lines:
        yield from (line.rstrip("\n") for line in lines)
