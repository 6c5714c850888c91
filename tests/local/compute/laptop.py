"""A server of the test's own, and the clients that talk to it."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import boto3
import psutil
from botocore.config import Config

from local.compute.config import ComputeConfig
from local.compute.server import ComputeServer

REGION = "us-east-1"


def client(service: str, endpoint_url: str) -> Any:
    return boto3.client(
        service,
        endpoint_url=endpoint_url,
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}),
    )


@dataclass(frozen=True)
class Laptop:
    """A server with clients that talk to it."""

    config: ComputeConfig
    server: ComputeServer
    batch: Any
    emr: Any

    def definition(self, script: str, *, name: str = "job", **members: Any) -> str:
        """Register a definition that runs a Python script; returns its ARN."""
        answer = self.batch.register_job_definition(
            jobDefinitionName=name,
            type="container",
            containerProperties={"image": "none", "command": ["python", "-c", script]},
            **members,
        )
        return str(answer["jobDefinitionArn"])

    def queue(self, name: str = "queue") -> str:
        known = self.batch.describe_job_queues(jobQueues=[name])["jobQueues"]
        if known:
            return str(known[0]["jobQueueArn"])
        return str(self.batch.create_job_queue(jobQueueName=name, priority=1)["jobQueueArn"])

    def submit(self, script: str, *, job_name: str = "job", **members: Any) -> str:
        """Submit a job that runs a Python script; returns its id."""
        answer = self.batch.submit_job(
            jobName=job_name,
            jobQueue=self.queue(),
            jobDefinition=self.definition(script),
            **members,
        )
        return str(answer["jobId"])

    def job(self, job_id: str) -> dict[str, Any]:
        (job,) = self.batch.describe_jobs(jobs=[job_id])["jobs"]
        return dict(job)

    def wait(self, job_id: str, *statuses: str, timeout_s: float = 20) -> dict[str, Any]:
        wanted = statuses or ("SUCCEEDED", "FAILED")
        wait_until(lambda: self.job(job_id)["status"] in wanted, timeout_s=timeout_s)
        return self.job(job_id)

    def log(self, job_id: str) -> str:
        return self.config.folder.batch_log(job_id).read_text()


def is_alive(pid: int) -> bool:
    """False for what is on its way out or a zombie too: it has no memory, so it runs no more."""
    try:
        return bool(psutil.Process(pid).memory_info().vms)
    except psutil.NoSuchProcess:
        return False


def wait_until(condition: Callable[[], bool], *, timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
