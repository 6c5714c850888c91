"""A small AWS over HTTP, which actors in other processes reach too, with one queued job in it."""

import json
import socket
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from actors.system import Coordinator, coordinator
from contracts.codec import to_json
from contracts.manifest import Column, Format, Manifest, SourceObject
from pipeline import bootstrap
from pipeline.attempt_files import AttemptFiles
from pipeline.model import Attempt, AttemptState, Job, Source, Stage, Status
from tests.actors.world import NOW, RESULTS, Aws, make_settings

WITHOUT_DOCKER = {"batch": {"use_docker": False}, "lambda": {"use_docker": False}}
BASES = ["simpleSystemBase", "multiprocTCPBase"]


@pytest.fixture(scope="module")
def moto_server() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def aws(
    moto_server: str, monkeypatch: pytest.MonkeyPatch, make_jobs_table: Callable[[Any], Any]
) -> Iterator[Aws]:
    monkeypatch.setenv("AWS_ENDPOINT_URL", moto_server)
    _post(f"{moto_server}/moto-api/reset")
    _post(f"{moto_server}/moto-api/config", WITHOUT_DOCKER)
    for cached in (bootstrap.client, bootstrap.job_store, bootstrap.coordination):
        cached.cache_clear()
    make_jobs_table(boto3.resource("dynamodb"))
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket=RESULTS)
    yield Aws(make_settings(), bootstrap.job_store("jobs"), AttemptFiles(s3, RESULTS))
    for cached in (bootstrap.client, bootstrap.job_store, bootstrap.coordination):
        cached.cache_clear()


@pytest.fixture
def queued(aws: Aws) -> Job:
    manifest = Manifest(
        job_id="job",
        bucket="ingest",
        files=(SourceObject("input/a.csv", "v1", 10),),
        format=Format.CSV,
        columns=(Column("x", "double"),),
        normalize=("x",),
    )
    bucket = aws.files.layout("job").manifest
    boto3.client("s3").put_object(Bucket=bucket.bucket, Key=bucket.key, Body=to_json(manifest))
    validated = Attempt(Stage.VALIDATE, 1, AttemptState.SUCCEEDED, NOW)
    source = Source("ingest", "input/a.csv", "v1", NOW)
    return aws.store.save(Job("job", Status.QUEUED, source, NOW, NOW, attempts=(validated,)))


@pytest.fixture(params=BASES)
def actors(aws: Aws, request: pytest.FixtureRequest) -> Iterator[Coordinator]:
    """The same actors, in this process and as processes of their own."""
    capabilities = {"Admin Port": free_port()} if request.param == "multiprocTCPBase" else None
    with coordinator(aws.settings, request.param, capabilities) as running:
        yield running


@pytest.fixture
def in_process(aws: Aws) -> Iterator[Coordinator]:
    """The actors in this process, for tests that reach into it."""
    with coordinator(aws.settings) as running:
        yield running


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _post(url: str, body: Any = None) -> None:
    data = json.dumps(body).encode() if body is not None else b""
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(url, data=data, headers=headers, method="POST")
    urllib.request.urlopen(request, timeout=10).close()
