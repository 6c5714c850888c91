"""Calls of the HTTP API with the events that AWS sends, and jobs to ask it for."""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from handlers.api import handler
from pipeline.model import Attempt, AttemptState, Job, Source, Stage, Status, Totals

CONTEXT = SimpleNamespace(
    aws_request_id="request",
    function_name="api",
    memory_limit_in_mb=128,
    invoked_function_arn="arn",
)
TIME = "2026-11-23T10:00:00.000Z"
LATER = "2026-11-23T10:00:20.000Z"


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


def call(method: str, path: str, body: str | bytes | None = None, **query: str) -> Answer:
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"content-type": "application/json"},
        "requestContext": {"stage": "$default", "http": {"method": method, "path": path}},
        "isBase64Encoded": isinstance(body, bytes),
    }
    if body is not None:
        event["body"] = base64.b64encode(body).decode() if isinstance(body, bytes) else body
    if query:
        event["queryStringParameters"] = query
    answer = handler(event, CONTEXT)  # type: ignore[arg-type]
    return Answer(answer["statusCode"], answer["headers"], answer["body"])


def assert_problem(answer: Answer, status: int, *words: str) -> None:
    assert answer.status == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = answer.json
    assert set(problem) == {"type", "title", "status", "detail", "instance"}
    assert problem["status"] == status
    for word in words:
        assert word in problem["detail"]


def finished(job_id: str) -> Job:
    attempt = Attempt(
        Stage.ANALYZE, 1, AttemptState.SUCCEEDED, TIME, started_at=TIME, finished_at=LATER
    )
    totals = Totals(3, 1.5, 99.0, 0.1, 0.03, None, None, "one pipeline ran")
    source = Source("ingest", f"input/{job_id}.csv", "v1", TIME, 10, "csv", 1)
    return Job(
        job_id,
        Status.COMPLETED,
        source,
        TIME,
        LATER,
        attempts=(attempt,),
        totals=totals,
    )


def under_way(job_id: str) -> Job:
    source = Source("ingest", f"input/{job_id}.csv", "v1", TIME)
    return Job(job_id, Status.PROCESSING, source, TIME, TIME)


@contextmanager
def answering(s3: Any, event: str, error: Exception) -> Iterator[None]:
    """A client whose calls come to `error`."""

    def answer(**_: Any) -> None:
        raise error

    s3.meta.events.register(event, answer)
    try:
        yield
    finally:
        s3.meta.events.unregister(event, answer)
