"""A local cloud whose functions die as told, and many small jobs in it."""

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import boto3

from contracts.layout import FENCE_NAME
from local.compute.config import StateFolder
from local.compute.replay import Recording
from tests.e2e.world import ENDS, Shell

SABOTEUR = Path(__file__).parent / "saboteur"
MOST_TRIES = 5
STALLED_S = 400.0
"""Longer than any lease, pause or period after which somebody takes up what was left."""


@dataclass(frozen=True)
class Point:
    """The `number`th time that a function makes this call about a job, counted from 1."""

    call: str
    number: int

    @property
    def is_read(self) -> bool:
        operation = self.call.rpartition(".")[2]
        return operation.startswith(("Describe", "Get", "Head", "List", "Query"))

    @property
    def mishaps(self) -> tuple[str, ...]:
        if self.is_read:
            return ("dies", "throttled", "broken")
        return ("dies before", "dies after", "reply lost", "throttled", "broken")


@dataclass(frozen=True)
class Sabotage:
    """The sabotaged cloud. `folder` is where plans and calls lie."""

    shell: Shell
    folder: Path

    def client(self, service: str) -> Any:
        environment = self.shell.environment
        variable = f"AWS_ENDPOINT_URL_{service.upper().replace('-', '_')}"
        return boto3.client(
            service,
            endpoint_url=environment.get(variable, environment["AWS_ENDPOINT_URL"]),
            region_name=environment["AWS_REGION"],
            aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        )

    @cached_property
    def _s3(self) -> Any:
        return self.client("s3")

    def infiltrate(self, *, visibility_s: int) -> None:
        """Put the saboteur before every handler, and have the queue bring messages again soon."""
        self.folder.mkdir()
        functions = self.client("lambda")
        for page in functions.get_paginator("list_functions").paginate():
            for function in page["Functions"]:
                if not function["Handler"].startswith("handlers."):
                    continue
                changed = {
                    **variables(function),
                    "PYTHONPATH": str(SABOTEUR),
                    "SABOTAGE_FOLDER": str(self.folder),
                    # The service's name is the module's.
                    "POWERTOOLS_SERVICE_NAME": function["Handler"].split(".")[1],
                }
                functions.update_function_configuration(
                    FunctionName=function["FunctionName"],
                    Handler="saboteur.handler",
                    Environment={"Variables": changed},
                )
        for mapping in functions.list_event_source_mappings()["EventSourceMappings"]:
            functions.update_event_source_mapping(UUID=mapping["UUID"], BatchSize=1)
        self.client("sqs").set_queue_attributes(
            QueueUrl=self.shell.environment["WORK_QUEUE_URL"],
            Attributes={"VisibilityTimeout": str(visibility_s)},
        )

    def replay(self, job_id: str, prefix: str) -> None:
        """Give the jobs `prefix…` what `job_id` has come to, in the place of work."""
        place = StateFolder(Path(self.shell.environment["BIGDATA_HOME"]) / "compute").recording
        bucket = self.shell.environment["RESULTS_BUCKET"]
        Recording(prefix, bucket, job_id, 0.05, 1.0).write(place)

    def upload(self, job_id: str, rows: int = 50) -> None:
        """A dataset like no other, which becomes the job `job_id`."""
        lines = (f"{n},{random.gauss(0, 1):.6f}" for n in range(rows))
        self.put(f"input/{job_id}.csv", "\n".join(("id,value", *lines)).encode(), job_id)

    def upload_folder(self, job_id: str) -> None:
        """Two files and a `_SUCCESS`, which become the job `job_id`."""
        for part in range(2):
            lines = "\n".join(("id,value", *(f"{n},{random.gauss(0, 1):.6f}" for n in range(50))))
            self.put(f"datasets/{job_id}/part-{part}.csv", lines.encode(), job_id)
        self.put(f"datasets/{job_id}/_SUCCESS", b"", job_id)

    def post(self, path: str, body: Any) -> tuple[int, dict[str, Any]]:
        """The API's answer, asked as often as it takes to get one."""
        for _ in range(MOST_TRIES):
            status, document = self.shell.post(path, body)
            if status < HTTPStatus.INTERNAL_SERVER_ERROR:
                return status, document
        raise AssertionError(f"{path} was not answered: {status} {document}")

    def put(self, key: str, body: bytes, job_id: str) -> dict[str, Any]:
        """Upload an object that becomes the job `job_id`; S3's event about it."""
        bucket = self.shell.environment["INGEST_BUCKET"]
        metadata = {"job-id": job_id, "force": "true"}
        answer = self._s3.put_object(Bucket=bucket, Key=key, Body=body, Metadata=metadata)
        return {
            "eventTime": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
            "s3": {
                "bucket": {"name": bucket},
                "object": {"key": quote_plus(key), "versionId": answer["VersionId"]},
            },
        }

    def plan(self, job_id: str, point: Point, mishap: str) -> None:
        """Have the mishap happen to the job's call."""
        plan = {"call": point.call, "number": point.number, "mishap": mishap}
        (self.folder / f"{job_id}.plan").write_text(json.dumps(plan))

    def has_happened(self, job_id: str) -> bool:
        return (self.folder / f"{job_id}.done").exists()

    def points(self, job_id: str) -> list[Point]:
        """All calls of AWS that the functions have made about the job."""
        calls = (self.folder / f"{job_id}.calls").read_text().splitlines()
        return [Point(call, n + 1) for call, times in Counter(calls).items() for n in range(times)]

    def invoke(self, function: str, payload: dict[str, Any]) -> None:
        """Have a function called, as AWS' own events do."""
        self.client("lambda").invoke(
            FunctionName=self._function(function),
            InvocationType="Event",
            Payload=json.dumps(payload).encode(),
        )

    def _function(self, name: str) -> str:
        functions = self.client("lambda").get_paginator("list_functions").paginate()
        return next(
            str(function["FunctionName"])
            for page in functions
            for function in page["Functions"]
            if variables(function).get("POWERTOOLS_SERVICE_NAME") == name
        )

    @contextmanager
    def reconciling(self, period_s: float = 20.0) -> Iterator[None]:
        """Unfinished jobs are looked after every so many seconds, and not every minute."""
        done = threading.Event()

        def reconcile() -> None:
            while not done.wait(period_s):
                self.invoke("reconcile", {})

        reconciler = threading.Thread(target=reconcile)
        reconciler.start()
        try:
            yield
        finally:
            done.set()
            reconciler.join()

    def ended(self, job_ids: Iterable[str]) -> dict[str, dict[str, Any]]:
        """The jobs' documents, once all have ended or none does any more."""
        left, moved_at = set(job_ids), time.monotonic()
        documents: dict[str, dict[str, Any]] = {}
        while left and time.monotonic() - moved_at < STALLED_S:
            for document in self._listed():
                job_id = document["job_id"]
                if job_id in left and document["status"] in ENDS:
                    left.remove(job_id)
                    documents[job_id] = document
                    moved_at = time.monotonic()
            time.sleep(1)
        assert not left, f"no end: {sorted(left)}"
        return documents

    def _listed(self) -> Iterator[dict[str, Any]]:
        token = ""
        while True:
            status, page = self.shell.get(f"/jobs?limit=100{token}")
            if status != 200:
                return  # the API's worker dies like any other
            yield from page["jobs"]
            if page["next"] is None:
                return
            token = f"&next={page['next']}"

    def work(self) -> Counter[str]:
        """How often each attempt's work was done, by its name: fences of Batch, and Spark runs."""
        pages = self._s3.get_paginator("list_objects_v2").paginate(
            Bucket=self.shell.environment["RESULTS_BUCKET"], Prefix="results/"
        )
        found = [each for page in pages for each in page.get("Contents", [])]
        # An empty one was closed and not taken; those of Spark are the replays' own.
        fences = [each["Key"].split("/") for each in found if each["Size"]]
        done = Counter(
            f"bigdata-{parts[1]}--{parts[3]}"
            for parts in fences
            if parts[-1] == FENCE_NAME and parts[3].startswith("normalize-")
        )
        emr = self.client("emr-serverless")
        for application in emr.list_applications()["applications"]:
            runs = emr.get_paginator("list_job_runs").paginate(applicationId=application["id"])
            done.update(run["name"] for page in runs for run in page["jobRuns"])
        return done

    def unfinished_work(self) -> list[str]:
        """The Batch jobs and the Spark runs that have not ended, by name."""
        batch, emr = self.client("batch"), self.client("emr-serverless")
        left = []
        for queue in batch.describe_job_queues()["jobQueues"]:
            for status in ("SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING"):
                jobs = batch.list_jobs(jobQueue=queue["jobQueueArn"], jobStatus=status)
                left += [job["jobName"] for job in jobs["jobSummaryList"]]
        for application in emr.list_applications()["applications"]:
            pages = emr.get_paginator("list_job_runs").paginate(applicationId=application["id"])
            runs = (run for page in pages for run in page["jobRuns"])
            ends = ("SUCCESS", "FAILED", "CANCELLED")
            left += [run["name"] for run in runs if run["state"] not in ends]
        return left


def variables(function: dict[str, Any]) -> dict[str, str]:
    """The environment of a function as Lambda describes it."""
    given: dict[str, str] = function.get("Environment", {}).get("Variables", {})
    return given
