"""The coordinator's world: a small AWS over HTTP, seen and moved from outside."""

import io
import time
import zipfile
from dataclasses import dataclass, replace
from typing import Any

import boto3
from moto.backends import get_backend

from contracts.layout import FENCE_NAME, MARKER_NAME, METRICS_NAME
from contracts.marker import Marker, Outcome, OutputFile
from contracts.metrics import NormalizeMetrics
from pipeline.attempt_files import AttemptFiles
from pipeline.compute_names import AttemptName
from pipeline.messages import Message, parse
from pipeline.model import Attempt, AttemptState, Job, Source, Stage, Status
from pipeline.settings import CoordinateSettings
from pipeline.store import JobStore

NOW = "2026-11-23T10:00:00.000Z"
RESULTS = "results"


@dataclass(frozen=True)
class Aws:
    """The coordinator's world, seen from outside."""

    settings: CoordinateSettings
    store: JobStore
    files: AttemptFiles

    def batch_jobs(self) -> list[dict[str, Any]]:
        batch = boto3.client("batch")
        names = [{"name": "JOB_NAME", "values": ["bigdata-*"]}]
        summaries = []
        for queue in (self.settings.gpu_job_queue, self.settings.cpu_job_queue):
            summaries += batch.list_jobs(jobQueue=queue, filters=names)["jobSummaryList"]
        ids = [summary["jobId"] for summary in summaries]
        return batch.describe_jobs(jobs=ids)["jobs"] if ids else []  # type: ignore[no-any-return]

    def spark_runs(self) -> list[dict[str, Any]]:
        emr = boto3.client("emr-serverless")
        application = self.settings.spark_application_id
        runs = emr.list_job_runs(applicationId=application)["jobRuns"]
        return [
            emr.get_job_run(applicationId=application, jobRunId=run["id"])["jobRun"] for run in runs
        ]

    def leave(self, name: AttemptName, **fields: Any) -> None:
        """What the attempt itself would write: its marker, and the metrics of a normalization."""
        files = tuple(OutputFile(f"normalized/part-{n}.parquet", 1, "", rows=5) for n in range(2))
        metrics = NormalizeMetrics(10, 1.0, 10.0, "cpu", "", 1, 1, 0, columns={})
        self.files.write(metrics, name, METRICS_NAME)
        marker = {"outcome": Outcome.SUCCEEDED, "files": files, **fields}
        self.files.write(
            Marker(name.job_id, name.stage, name.number, started_at=NOW, finished_at=NOW, **marker),
            name,
            MARKER_NAME,
        )

    def take_fence(self, name: AttemptName, owner: str) -> None:
        fence = self.files.output(name).join(FENCE_NAME)
        boto3.client("s3").put_object(Bucket=fence.bucket, Key=fence.key, Body=owner.encode())

    def wish_no_gpu(self, job: Job) -> None:
        self.store.save(replace(job, options=replace(job.options, gpu_enabled=False)))

    def begin_validation(self, job_id: str, key: str, version_id: str) -> None:
        validating = Attempt(Stage.VALIDATE, 1, AttemptState.RUNNING, NOW, started_at=NOW)
        source = Source("ingest", key, version_id, NOW)
        job = Job(job_id, Status.VALIDATING, source, NOW, NOW, attempts=(validating,))
        self.store.save(job)

    def remove_gpu_queue(self) -> None:
        batch = boto3.client("batch")
        batch.update_job_queue(jobQueue="gpu", state="DISABLED")
        batch.delete_job_queue(jobQueue="gpu")

    def waiting_messages(self) -> list[tuple[Message | None, float]]:
        """What the coordinator has put on the work queue, with its delay in seconds."""
        queue = _backend("sqs").queues["work"]
        return [(parse(m.body), m.delayed_until / 1000 - time.time()) for m in queue._messages]

    def move_spark_run(self, run_id: str, state: str) -> None:
        (run,) = (run for run in self._spark_runs() if run.id == run_id)
        run.state = state

    def forget_spark_runs(self) -> None:
        self._spark_runs().clear()

    def forget_batch_jobs(self) -> None:
        _backend("batch")._jobs.clear()
        for queue in _backend("batch")._job_queues.values():
            queue.jobs.clear()

    def _spark_runs(self) -> list[Any]:
        runs: list[Any] = _backend("emr-serverless").job_runs[self.settings.spark_application_id]
        return runs

    def lose_launch(self, job_id: str) -> None:
        """As if the coordinator had died between the launch and the save of its id, long ago."""
        job = self.store.get(job_id)
        claimed = [
            replace(
                a,
                state=AttemptState.CLAIMED,
                external_id=None,
                owner="dead",
                claimed_at=NOW,
                lease_until=NOW,
            )
            if a == job.open_attempt
            else a
            for a in job.attempts
        ]
        self.store.save(replace(job, attempts=tuple(claimed)))


def make_settings() -> CoordinateSettings:
    """Everything that the coordinator's settings name, made in the small AWS."""
    role = boto3.client("iam").create_role(RoleName="role", AssumeRolePolicyDocument="{}")
    arn = role["Role"]["Arn"]
    queues = {name: _batch_queue(name, arn) for name in ("gpu", "cpu")}
    definition = boto3.client("batch").register_job_definition(
        jobDefinitionName="normalize",
        type="container",
        containerProperties={"image": "none", "command": ["true"], "vcpus": 1, "memory": 128},
    )["jobDefinitionArn"]
    application = boto3.client("emr-serverless").create_application(
        name="spark", releaseLabel="emr-6.6.0", type="SPARK"
    )["applicationId"]
    for function in ("validate", "analyze"):
        _function(function, arn)
    return CoordinateSettings(
        jobs_table="jobs",
        results_bucket=RESULTS,
        dead_letter_queue_url=boto3.client("sqs").create_queue(QueueName="dead")["QueueUrl"],
        work_queue_url=boto3.client("sqs").create_queue(QueueName="work")["QueueUrl"],
        validate_function="validate",
        analyze_function="analyze",
        gpu_job_queue=queues["gpu"],
        gpu_job_definition=definition,
        cpu_job_queue=queues["cpu"],
        cpu_job_definition=definition,
        spark_application_id=application,
        spark_execution_role_arn=arn,
        spark_compare_script="s3://assets/compare.py",
        spark_dataframe_script="s3://assets/dataframe_pipeline.py",
        spark_modules="s3://assets/modules.zip",
        spark_packages="s3://assets/packages.tar.gz",
        spark_python="python3",
        spark_log_prefix="s3://results/logs/",
    )


def _batch_queue(name: str, role_arn: str) -> str:
    batch = boto3.client("batch")
    environment = batch.create_compute_environment(
        computeEnvironmentName=name, type="UNMANAGED", state="ENABLED", serviceRole=role_arn
    )["computeEnvironmentArn"]
    queue = batch.create_job_queue(
        jobQueueName=name,
        state="ENABLED",
        priority=1,
        computeEnvironmentOrder=[{"order": 1, "computeEnvironment": environment}],
    )
    return str(queue["jobQueueArn"])


def _function(name: str, role_arn: str) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("code.py", "def handler(event, context): return None")
    boto3.client("lambda").create_function(
        FunctionName=name,
        Runtime="python3.12",
        Role=role_arn,
        Handler="code.handler",
        Code={"ZipFile": archive.getvalue()},
    )


def _backend(service: str) -> Any:
    """The small AWS from inside, for what no API of AWS does."""
    return get_backend(service)["123456789012"]["us-east-1"]  # type: ignore[call-overload]
