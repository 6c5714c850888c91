import os
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from click.testing import CliRunner

from cli import target, watch
from tests.cli.world import FakeApi, serve


@pytest.fixture(autouse=True)
def no_cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No local cloud, no names of another one, and the environment as it was afterwards."""
    before = dict(os.environ)
    for name in ("API_URL", "INGEST_BUCKET"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(target, "current", lambda home: None)
    monkeypatch.setattr(watch, "POLL_S", 0.01)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeApi]:
    """An API that the shell names."""
    fake = FakeApi()
    stop = serve(fake)
    monkeypatch.setenv("API_URL", fake.url)
    monkeypatch.setenv("INGEST_BUCKET", "ingest")
    yield fake
    stop()


@pytest.fixture
def s3(aws: None) -> Any:
    """moto's S3 with both buckets, the ingest bucket with versions."""
    client = boto3.client("s3")
    for bucket in ("ingest", "results"):
        client.create_bucket(Bucket=bucket)
    client.put_bucket_versioning(Bucket="ingest", VersioningConfiguration={"Status": "Enabled"})
    return client


@pytest.fixture
def runner() -> CliRunner:
    return CliRunner()
