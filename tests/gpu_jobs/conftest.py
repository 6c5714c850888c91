"""A bucket of sources and a bucket of results, and normalize runs between them."""

from __future__ import annotations

import io
import os
import re
import urllib.request
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from contracts.codec import from_json, to_json
from contracts.layout import S3Uri
from contracts.manifest import Column, Compression, Format, Manifest, SourceObject
from contracts.marker import Marker
from contracts.metrics import NormalizeMetrics
from contracts.spec import NormalizeSpec
from tests.gpu_jobs.scaling.simulated_cuda import cupy, library  # noqa: F401

INGEST, RESULTS = "ingest", "results"
OUTPUT = f"s3://{RESULTS}/results/job/attempts/normalize-1/"


@dataclass
class Cloud:
    """What a normalize run finds and leaves. `s3` is a boto3 client of an S3 in memory."""

    s3: Any
    sources: list[SourceObject] = field(default_factory=list)

    def put(self, key: str, data: bytes, compression: Compression = Compression.NONE):
        version = self.s3.put_object(Bucket=INGEST, Key=key, Body=data)["VersionId"]
        source = SourceObject(key, version, len(data), compression)
        self.sources.append(source)
        return source

    def manifest(self, format_: Format, columns: dict[str, str], **changes) -> Manifest:
        """The manifest of all sources; every int64 and double column is normalized."""
        manifest = Manifest(
            job_id="job",
            bucket=INGEST,
            files=tuple(self.sources),
            format=format_,
            columns=tuple(Column(name, type_) for name, type_ in columns.items()),
            normalize=tuple(n for n, type_ in columns.items() if type_ in ("int64", "double")),
            delimiter="," if format_ is Format.CSV else None,
        )
        return replace(manifest, **changes)

    def put_spec(self, manifest: Manifest, use_gpu: bool = False) -> str:
        self.s3.put_object(Bucket=RESULTS, Key="manifest.json", Body=to_json(manifest).encode())
        spec = NormalizeSpec("job", 1, f"s3://{RESULTS}/manifest.json", OUTPUT, use_gpu)
        self.s3.put_object(Bucket=RESULTS, Key="spec.json", Body=to_json(spec).encode())
        return f"s3://{RESULTS}/spec.json"

    def normalize(self, manifest: Manifest, batch_job_id: str = "batch-1") -> int:
        from gpu_jobs.normalize import run

        return run(self.put_spec(manifest), self.s3, batch_job_id)

    def output(self, name: str) -> bytes:
        place = S3Uri.parse(OUTPUT).join(name)
        return self.s3.get_object(Bucket=place.bucket, Key=place.key)["Body"].read()

    def names(self) -> list[str]:
        prefix = S3Uri.parse(OUTPUT).key
        listing = self.s3.list_objects_v2(Bucket=RESULTS, Prefix=prefix)
        return [item["Key"].removeprefix(prefix) for item in listing.get("Contents", [])]

    def marker(self) -> Marker:
        return from_json(Marker, self.output("_marker.json"))

    def metrics(self) -> NormalizeMetrics:
        return from_json(NormalizeMetrics, self.output("metrics.json"))

    def table(self) -> Any:
        """The normalized rows, from the parts that the marker lists."""
        import pyarrow
        import pyarrow.parquet

        parts = [file.name for file in self.marker().files if file.name.endswith(".parquet")]
        return pyarrow.concat_tables(
            pyarrow.parquet.read_table(io.BytesIO(self.output(name))) for name in parts
        )


AWS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "us-east-1",
}


@pytest.fixture
def aws(monkeypatch):
    """Credentials and a region for boto3, and no endpoint."""
    pytest.importorskip("moto")
    for name, value in AWS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)


@pytest.fixture
def cloud(aws):
    """Buckets in this process."""
    import boto3
    import moto

    with moto.mock_aws():
        yield _cloud(boto3.client("s3"))


@pytest.fixture
def served_cloud(aws):
    """Buckets behind a port of their own, and the environment that leads a process there."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    # The server forgets nothing between its starts in one process.
    urllib.request.urlopen(f"{endpoint}/moto-api/reset", data=b"").close()
    environment = {**os.environ, **AWS, "AWS_ENDPOINT_URL": endpoint}
    yield _cloud(boto3.client("s3", endpoint_url=endpoint)), environment
    server.stop()


@pytest.fixture
def resident_bytes():
    """`resident_bytes(path)`: how much of a mapped file counts as this process's memory."""

    def measure(path):
        smaps = Path("/proc/self/smaps").read_text(encoding="utf-8")
        found = re.findall(rf"{re.escape(str(path))}\n(?:.*\n)*?Rss:\s+(\d+) kB", smaps)
        return 1024 * sum(map(int, found))

    return measure


def _cloud(s3) -> Cloud:
    for bucket in (INGEST, RESULTS):
        s3.create_bucket(Bucket=bucket)
    s3.put_bucket_versioning(Bucket=INGEST, VersioningConfiguration={"Status": "Enabled"})
    return Cloud(s3)
