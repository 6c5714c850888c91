"""AWS in memory, as the coordination sees it: each call may fail, and the caller may die at it.

Only what the coordination calls is here, with the conditions, the idempotency and the states of the
real services. Time is `Clock.now`, and passes when the schedule says so.
"""

# ruff: noqa: N803, the names of the arguments are boto3's
from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum
from types import SimpleNamespace
from typing import Any

from botocore.exceptions import ClientError, ReadTimeoutError

EPOCH = datetime(2026, 11, 23, 10, tzinfo=UTC)
INDEX_KEYS = {
    "by_status": "status",
    "by_source": "source_key",
    "by_created": "kind",
    "by_content": "content",
}


class Mishap(Enum):
    """What may happen at a call."""

    DIES_BEFORE = "the caller dies before the call"
    DIES_AFTER = "the caller dies after the call"
    REPLY_LOST = "the call is carried out, and its reply is lost"
    THROTTLED = "the call is refused: too many requests"
    BROKEN = "the call is refused: internal error"


class Died(Exception):
    """The process is dead: nothing that it still calls has an effect."""


@dataclass
class Clock:
    seconds: float = 0.0

    def now(self) -> datetime:
        return EPOCH + timedelta(seconds=self.seconds)

    def ms(self) -> int:
        return round(self.now().timestamp() * 1000)


@dataclass
class Caller:
    """The process that calls: `mishap` happens at its call `at`.

    `at` is the number of the call, counted from 0, or an operation, of which it is the first call.
    Calls of the `broken` operation are refused, whenever they come.
    """

    mishap: Mishap | None = None
    at: int | str = 0
    broken: str = ""
    operations: list[str] = field(default_factory=list)
    dead: bool = False

    def call(self, operation: str, carry_out: Callable[[], Any]) -> Any:
        if self.dead:
            raise Died(operation)
        is_first = operation not in self.operations
        is_struck = self.at == (operation if is_first else None) or self.at == len(self.operations)
        mishap = self.mishap if is_struck else None
        self.operations.append(operation)
        if operation == self.broken:
            raise error("InternalServerError", operation, 500)
        match mishap:
            case Mishap.DIES_BEFORE:
                self.dead = True
                raise Died(operation)
            case Mishap.THROTTLED:
                raise error("ThrottlingException", operation, 400)
            case Mishap.BROKEN:
                raise error("InternalServerError", operation, 500)
        answer = carry_out()
        if mishap is Mishap.DIES_AFTER:
            self.dead = True
            raise Died(operation)
        if mishap is Mishap.REPLY_LOST:
            raise ReadTimeoutError(endpoint_url=operation)
        return answer


def error(code: str, operation: str, status: int = 400) -> ClientError:
    metadata = {"HTTPStatusCode": status}
    response: Any = {"Error": {"Code": code, "Message": code}, "ResponseMetadata": metadata}
    return ClientError(response, operation)


@dataclass
class Message:
    body: str
    visible_at: float
    receives: int = 0


@dataclass
class Invocation:
    function: str
    payload: dict[str, Any]
    visible_at: float
    tries: int = 0


@dataclass
class SimulatedAws:
    """All services in one; each method is an operation of boto3's clients."""

    clock: Clock = field(default_factory=Clock)
    caller: Caller = field(default_factory=Caller)
    items: dict[str, dict[str, Any]] = field(default_factory=dict)
    objects: dict[tuple[str, str], tuple[bytes, dict[str, str]]] = field(default_factory=dict)
    messages: list[Message] = field(default_factory=list)
    invocations: list[Invocation] = field(default_factory=list)
    batch_jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    spark_runs: dict[str, dict[str, Any]] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    list_jobs_lag_seconds: float = 0.0
    on_upload: Callable[[str], None] = lambda key: None
    on_batch: Callable[[dict[str, Any]], None] = lambda job: None
    on_spark: Callable[[dict[str, Any]], None] = lambda run: None

    # DynamoDB, as a Table

    def get_item(self, Key: dict[str, str], **_: Any) -> dict[str, Any]:
        def read() -> dict[str, Any]:
            item = self.items.get(Key["job_id"])
            return {"Item": dict(item)} if item else {}

        answer: dict[str, Any] = self.caller.call("GetItem", read)
        return answer

    def put_item(self, Item: dict[str, Any], **condition: Any) -> None:
        def write() -> None:
            found = self.items.get(Item["job_id"])
            wanted = condition.get("ExpressionAttributeValues", {}).get(":read")
            if (found["version"] if found else None) != wanted:
                raise error("ConditionalCheckFailedException", "PutItem")
            self.items[Item["job_id"]] = dict(Item)

        self.caller.call("PutItem", write)

    def query(self, **request: Any) -> dict[str, Any]:
        attribute = INDEX_KEYS[request["IndexName"]]
        value = request["ExpressionAttributeValues"][":key"]
        found = [dict(item) for item in self.items.values() if item.get(attribute) == value]
        answer: dict[str, Any] = self.caller.call("Query", lambda: {"Items": found})
        return answer

    # SQS

    def send_message(self, QueueUrl: str, MessageBody: str, DelaySeconds: int = 0) -> None:
        visible_at = self.clock.seconds + DelaySeconds
        self.caller.call(
            "SendMessage", lambda: self.messages.append(Message(MessageBody, visible_at))
        )

    # S3

    def put_object(
        self, Bucket: str, Key: str, Body: bytes, Metadata: Any = None, **options: Any
    ) -> dict[str, str]:
        def write() -> dict[str, str]:
            if "IfNoneMatch" in options and (Bucket, Key) in self.objects:
                raise error("PreconditionFailed", "PutObject", 412)
            self.objects[Bucket, Key] = (Body, dict(Metadata or {}))
            if Bucket == "ingest":
                self.on_upload(Key)
            return {"VersionId": "v1"}

        answer: dict[str, str] = self.caller.call("PutObject", write)
        return answer

    def head_object(self, Bucket: str, Key: str, **_: Any) -> dict[str, Any]:
        def read() -> dict[str, Any]:
            if (Bucket, Key) not in self.objects:
                raise error("404", "HeadObject", 404)
            body, metadata = self.objects[Bucket, Key]
            tag = hashlib.md5(body, usedforsecurity=False).hexdigest()
            return {"ContentLength": len(body), "ETag": f'"{tag}"', "Metadata": metadata}

        answer: dict[str, Any] = self.caller.call("HeadObject", read)
        return answer

    def get_object(self, Bucket: str, Key: str, **request: Any) -> dict[str, Any]:
        def read() -> dict[str, Any]:
            if (Bucket, Key) not in self.objects:
                raise error("NoSuchKey", "GetObject", 404)
            body, _ = self.objects[Bucket, Key]
            if "Range" in request:
                first, _, last = request["Range"].removeprefix("bytes=").partition("-")
                body = body[int(first) : int(last) + 1 if last else None]
            return {"Body": io.BytesIO(body), "ContentLength": len(body)}

        answer: dict[str, Any] = self.caller.call("GetObject", read)
        return answer

    # Lambda

    def invoke(self, FunctionName: str, Payload: bytes, **_: Any) -> dict[str, Any]:
        def accept() -> dict[str, Any]:
            payload = json.loads(Payload)
            self.invocations.append(Invocation(FunctionName, payload, self.clock.seconds))
            return {"ResponseMetadata": {"RequestId": f"request-{len(self.invocations)}"}}

        answer: dict[str, Any] = self.caller.call("Invoke", accept)
        return answer

    # Batch

    def submit_job(self, jobName: str, jobQueue: str, parameters: Any, **_: Any) -> dict[str, Any]:
        def accept() -> dict[str, Any]:
            job = {
                "jobId": f"batch-{len(self.batch_jobs) + 1}",
                "jobName": jobName,
                "jobQueue": jobQueue,
                "parameters": parameters,
                "status": "RUNNABLE",
                "createdAt": self.clock.ms(),
                "attempts": [],
                "container": {},
            }
            self.batch_jobs[job["jobId"]] = job
            return {"jobId": job["jobId"]}

        answer: dict[str, Any] = self.caller.call("SubmitJob", accept)
        return answer

    def _list_jobs(self, jobQueue: str, filters: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        (name,) = filters[0]["values"]
        shown = self.clock.ms() - 1000 * self.list_jobs_lag_seconds
        found = [
            dict(job)
            for job in self.batch_jobs.values()
            if (job["jobQueue"], job["jobName"]) == (jobQueue, name) and job["createdAt"] <= shown
        ]
        yield self.caller.call("ListJobs", lambda: {"jobSummaryList": found})

    def describe_jobs(self, jobs: list[str]) -> dict[str, Any]:
        found = [dict(self.batch_jobs[job_id]) for job_id in jobs if job_id in self.batch_jobs]
        answer: dict[str, Any] = self.caller.call("DescribeJobs", lambda: {"jobs": found})
        return answer

    def terminate_job(self, jobId: str, reason: str) -> None:
        def end() -> None:
            job = self.batch_jobs[jobId]
            if job["status"] in ("SUCCEEDED", "FAILED"):
                return
            job.update(isTerminated=True, statusReason=reason)
            if job["status"] in ("RUNNABLE", "STARTING"):
                job.update(status="FAILED", stoppedAt=self.clock.ms())
                self.on_batch(job)

        self.caller.call("TerminateJob", end)

    # EMR Serverless

    def start_job_run(self, clientToken: str, name: str, **_: Any) -> dict[str, Any]:
        def accept() -> dict[str, Any]:
            if clientToken not in self.tokens:
                run_id = f"run-{len(self.spark_runs) + 1}"
                self.tokens[clientToken] = run_id
                self.spark_runs[run_id] = {
                    "jobRunId": run_id,
                    "id": run_id,
                    "name": name,
                    "state": "SCHEDULED",
                    "createdAt": self.clock.now(),
                }
            return {"jobRunId": self.tokens[clientToken]}

        answer: dict[str, Any] = self.caller.call("StartJobRun", accept)
        return answer

    def get_job_run(self, jobRunId: str, **_: Any) -> dict[str, Any]:
        def read() -> dict[str, Any]:
            if jobRunId not in self.spark_runs:
                raise error("ResourceNotFoundException", "GetJobRun", 404)
            return {"jobRun": dict(self.spark_runs[jobRunId])}

        answer: dict[str, Any] = self.caller.call("GetJobRun", read)
        return answer

    def cancel_job_run(self, jobRunId: str, **_: Any) -> None:
        def cancel() -> None:
            run = self.spark_runs[jobRunId]
            if run["state"] in ("SUCCESS", "FAILED", "CANCELLED"):
                raise error("ValidationException", "CancelJobRun")
            if run["state"] != "CANCELLING":
                run["state"] = "CANCELLING" if run["state"] == "RUNNING" else "CANCELLED"
                self.on_spark(run)

        self.caller.call("CancelJobRun", cancel)

    def _list_job_runs(self, createdAtAfter: datetime, **_: Any) -> Iterator[dict[str, Any]]:
        found = [dict(run) for run in self.spark_runs.values() if run["createdAt"] > createdAtAfter]
        yield self.caller.call("ListJobRuns", lambda: {"jobRuns": found})

    def get_paginator(self, operation: str) -> SimpleNamespace:
        pages = {"list_jobs": self._list_jobs, "list_job_runs": self._list_job_runs}
        return SimpleNamespace(paginate=pages[operation])
