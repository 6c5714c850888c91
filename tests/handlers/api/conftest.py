"""The HTTP API's settings, over moto's tables and buckets."""

from collections.abc import Callable
from typing import Any

import boto3
import pytest
from moto import mock_aws

from pipeline.bootstrap import client
from pipeline.settings import ApiSettings, to_environment
from pipeline.store import JobStore

SETTINGS = ApiSettings("jobs", "ingest", "results", "work", "dead", "us-east-1")


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in to_environment(SETTINGS).items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="module")
def dynamodb() -> Any:
    with mock_aws():
        return boto3.resource("dynamodb", region_name="us-east-1")


@pytest.fixture
def store(aws: None, dynamodb: Any, make_jobs_table: Callable[[Any], Any]) -> JobStore:
    return JobStore(make_jobs_table(dynamodb))


@pytest.fixture
def s3(store: JobStore) -> Any:
    """The handler's own client, with both buckets there."""
    s3 = client("s3")
    for bucket in ("ingest", "results"):
        s3.create_bucket(Bucket=bucket)
    return s3
