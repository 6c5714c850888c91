"""What the collaborators are built with: here, how often they ask."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError

from pipeline import bootstrap
from pipeline.compute_names import AttemptName
from pipeline.settings import CoordinateSettings, variable_names

NAME = AttemptName("job", "normalize", 1)
SETTINGS = CoordinateSettings(**{name.lower(): "x" for name in variable_names(CoordinateSettings)})
CACHED = (bootstrap.client, bootstrap.job_store, bootstrap.coordination)


class Body:
    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self._content


class FaultyBatch:
    """Fails once, then knows of no job."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, request: Any, **_: Any) -> AWSResponse:
        self.asked += 1
        status, content = (500, b"{}") if self.asked == 1 else (200, b'{"jobSummaryList": []}')
        return AWSResponse(request.url, status, {}, Body(content))


@pytest.fixture
def batch() -> Iterator[FaultyBatch]:
    for cached in CACHED:
        cached.cache_clear()
    faulty = FaultyBatch()
    for retries in ({}, {"retries": False}):
        bootstrap.client("batch", **retries).meta.events.register("before-send.batch", faulty)
    yield faulty
    for cached in CACHED:
        cached.cache_clear()


def test_a_batch_job_is_submitted_in_one_try(batch: FaultyBatch) -> None:
    with pytest.raises(ClientError):
        bootstrap.coordination(SETTINGS).batch_jobs.submit(NAME, "s3://spec", use_gpu=True)
    assert batch.asked == 1


def test_a_batch_job_is_looked_for_again(batch: FaultyBatch) -> None:
    assert bootstrap.coordination(SETTINGS).batch_jobs.find(NAME, use_gpu=True) is None
    assert batch.asked == 2
