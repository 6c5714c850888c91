"""Where the heavy work runs: AWS Batch, EMR Serverless, and the functions invoked by name."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NoReturn

from botocore.exceptions import ClientError

from contracts.billing import BilledResources
from pipeline.clock import iso
from pipeline.compute_names import AttemptName
from pipeline.errors import LaunchRefused
from pipeline.settings import CoordinateSettings

CLOCKS_APART = timedelta(minutes=5)
"""By how much our clock and AWS' may differ, at most."""

SPARK_TIMEOUT_MINUTES = 240
SPARK_SIZE = {
    "spark.driver.cores": "2",
    "spark.driver.memory": "4g",
    "spark.executor.cores": "4",
    "spark.executor.memory": "8g",
    "spark.executor.instances": "2",
    # Fixed executors: the two pipelines are compared on the same machines.
    "spark.dynamicAllocation.enabled": "false",
}


class BatchJobs:
    """Normalization jobs on AWS Batch.

    `batch` is a boto3 client, `batch_once` one without retries: SubmitJob has no token, and a
    client that sends it again after a lost answer would start the job twice.
    """

    def __init__(self, batch: Any, batch_once: Any, settings: CoordinateSettings) -> None:
        self._batch = batch
        self._batch_once = batch_once
        self._settings = settings

    def submit(self, name: AttemptName, spec: str, *, use_gpu: bool) -> str:
        """Submit the attempt to the GPU or the CPU queue; returns the Batch job id.

        Raises LaunchRefused.
        """
        queue, definition = self._target(use_gpu)
        try:
            answer = self._batch_once.submit_job(
                jobName=str(name),
                jobQueue=queue,
                jobDefinition=definition,
                parameters={"spec": spec},
            )
        except ClientError as error:
            _refused_or_raise(error)
        return str(answer["jobId"])

    def describe(self, job_id: str) -> dict[str, Any] | None:
        """The job as DescribeJobs has it, which is what its events tell too; None: forgotten."""
        jobs: list[dict[str, Any]] = self._batch.describe_jobs(jobs=[job_id])["jobs"]
        return jobs[0] if jobs else None

    def stop(self, job_id: str, reason: str) -> None:
        """End the job, wherever it stands; one that has ended stays as it is."""
        self._batch.terminate_job(jobId=job_id, reason=reason)

    def find(self, name: AttemptName, *, use_gpu: bool) -> str | None:
        """The id of the attempt's job, whatever its state, or None when there is none."""
        queue, _ = self._target(use_gpu)
        pages = self._batch.get_paginator("list_jobs").paginate(
            jobQueue=queue, filters=[{"name": "JOB_NAME", "values": [str(name)]}]
        )
        found = (job for page in pages for job in page["jobSummaryList"])
        jobs = sorted(found, key=lambda job: job["createdAt"])
        return str(jobs[0]["jobId"]) if jobs else None

    def _target(self, use_gpu: bool) -> tuple[str, str]:
        if use_gpu:
            return self._settings.gpu_job_queue, self._settings.gpu_job_definition
        return self._settings.cpu_job_queue, self._settings.cpu_job_definition


@dataclass(frozen=True)
class SparkRun:
    """A run as EMR Serverless describes it; `state` is EMR's word. Times are ISO 8601 UTC."""

    run_id: str
    name: str
    state: str
    details: str
    started_at: str | None
    ended_at: str | None
    billed: BilledResources | None = None


class SparkRuns:
    """Spark runs on EMR Serverless. `emr` is a boto3 emr-serverless client."""

    def __init__(self, emr: Any, settings: CoordinateSettings) -> None:
        self._emr = emr
        self._settings = settings

    def start(self, name: AttemptName, spec: str, *, compare: bool) -> str:
        """Start the attempt, or find it started already by its client token; returns the run id.

        Raises LaunchRefused.
        """
        settings = self._settings
        script = settings.spark_compare_script if compare else settings.spark_dataframe_script
        logs = {"s3MonitoringConfiguration": {"logUri": settings.spark_log_prefix}}
        submit = {
            "entryPoint": script,
            "entryPointArguments": [spec],
            "sparkSubmitParameters": self._parameters(),
        }
        try:
            answer = self._emr.start_job_run(
                applicationId=settings.spark_application_id,
                clientToken=name.client_token,
                executionRoleArn=settings.spark_execution_role_arn,
                name=str(name),
                executionTimeoutMinutes=SPARK_TIMEOUT_MINUTES,
                jobDriver={"sparkSubmit": submit},
                configurationOverrides={"monitoringConfiguration": logs},
            )
        except ClientError as error:
            _refused_or_raise(error)
        return str(answer["jobRunId"])

    def find(self, name: AttemptName, since: str) -> str | None:
        """The id of the attempt's run, started after `since`, or None when there is none."""
        pages = self._emr.get_paginator("list_job_runs").paginate(
            applicationId=self._settings.spark_application_id,
            createdAtAfter=datetime.fromisoformat(since) - CLOCKS_APART,
        )
        runs = (run for page in pages for run in page["jobRuns"])
        return next((str(run["id"]) for run in runs if run.get("name") == str(name)), None)

    def stop(self, run_id: str) -> None:
        """Cancel the run; one that has ended stays as it is."""
        try:
            self._emr.cancel_job_run(
                applicationId=self._settings.spark_application_id, jobRunId=run_id
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ValidationException":
                raise

    def find_run(self, run_id: str) -> SparkRun | None:
        """The run's present state; None: forgotten."""
        try:
            return self.get(run_id)
        except ClientError as error:
            if error.response["Error"]["Code"] == "ResourceNotFoundException":
                return None
            raise

    def get(self, run_id: str) -> SparkRun:
        """The run's present state."""
        run = self._emr.get_job_run(
            applicationId=self._settings.spark_application_id, jobRunId=run_id
        )["jobRun"]
        return SparkRun(
            run_id=run_id,
            name=run.get("name", ""),
            state=run["state"],
            details=run.get("stateDetails", ""),
            started_at=_iso_or_none(run.get("startedAt")),
            ended_at=_iso_or_none(run.get("endedAt")),
            billed=BilledResources.of(run),
        )

    def _parameters(self) -> str:
        settings = self._settings
        configuration = {
            **SPARK_SIZE,
            "spark.archives": f"{settings.spark_packages}#packages",
            "spark.emr-serverless.driverEnv.PYTHONPATH": "./packages",
            "spark.executorEnv.PYTHONPATH": "./packages",
            "spark.emr-serverless.driverEnv.PYSPARK_PYTHON": settings.spark_python,
            "spark.emr-serverless.driverEnv.PYSPARK_DRIVER_PYTHON": settings.spark_python,
            "spark.executorEnv.PYSPARK_PYTHON": settings.spark_python,
        }
        confs = [f"--conf {name}={value}" for name, value in configuration.items()]
        return " ".join([f"--py-files {settings.spark_modules}", *confs])


class Functions:
    """Asynchronous invocations of our own Lambda functions. `client` is a boto3 Lambda client."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def invoke(self, function: str, payload: dict[str, Any]) -> str:
        """Hand `payload` to `function`, which runs later; returns the request's id."""
        answer = self._client.invoke(
            FunctionName=function, InvocationType="Event", Payload=json.dumps(payload).encode()
        )
        return str(answer["ResponseMetadata"]["RequestId"])


REFUSALS = (
    "AccessDeniedException",
    "ClientException",
    "ResourceNotFoundException",
    "ValidationException",
)


def _refused_or_raise(error: ClientError) -> NoReturn:
    if error.response["Error"]["Code"] in REFUSALS:
        raise LaunchRefused(str(error)) from error
    raise error


def _iso_or_none(moment: datetime | None) -> str | None:
    return iso(moment) if moment else None
