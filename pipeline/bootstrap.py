"""Everything built from typed settings, in one place: handlers, actors and tests call these.

Clients are made once for each process and settings, since a Lambda function is called often.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import boto3
from botocore.config import Config

from pipeline.attempt_files import AttemptFiles
from pipeline.compute import BatchJobs, Functions, SparkRuns
from pipeline.dead_letters import DeadLetters
from pipeline.intake import Intake
from pipeline.objects import Objects
from pipeline.settings import CoordinateSettings, ValidateSettings
from pipeline.store import JobStore
from pipeline.work_queue import WorkQueue

TIMEOUTS = {"connect_timeout": 5, "read_timeout": 20}


@cache
def client(service: str, *, retries: bool = True) -> Any:
    """A plain boto3 client; the environment says which endpoint, region and credentials."""
    attempts = {"mode": "standard", "total_max_attempts": 4 if retries else 1}
    return boto3.client(service, config=Config(retries=attempts, **TIMEOUTS))


@cache
def job_store(jobs_table: str) -> JobStore:
    """The jobs table of that name."""
    config = Config(retries={"mode": "standard", "total_max_attempts": 4}, **TIMEOUTS)
    return JobStore(boto3.resource("dynamodb", config=config).Table(jobs_table))


def work_queue(url: str) -> WorkQueue:
    """The work queue at that URL."""
    return WorkQueue(client("sqs"), url)


def dead_letters(url: str, work_queue_url: str) -> DeadLetters:
    """The dead-letter queue at that URL, and the work queue that its letters go back to."""
    return DeadLetters(client("sqs"), url, work_queue_url)


@cache
def intake(settings: ValidateSettings) -> Intake:
    """What takes uploads in."""
    return Intake(
        Objects(client("s3")),
        job_store(settings.jobs_table),
        work_queue(settings.work_queue_url),
        settings,
    )


@dataclass(frozen=True)
class Coordination:
    """What the actors work with."""

    store: JobStore
    queue: WorkQueue
    objects: Objects
    files: AttemptFiles
    batch_jobs: BatchJobs
    spark_runs: SparkRuns
    functions: Functions


@cache
def coordination(settings: CoordinateSettings) -> Coordination:
    """The collaborators of the actors."""
    return Coordination(
        store=job_store(settings.jobs_table),
        queue=work_queue(settings.work_queue_url),
        objects=Objects(client("s3")),
        files=AttemptFiles(client("s3"), settings.results_bucket),
        batch_jobs=BatchJobs(client("batch"), client("batch", retries=False), settings),
        spark_runs=SparkRuns(client("emr-serverless"), settings),
        functions=Functions(client("lambda")),
    )
