from __future__ import annotations

import io

import boto3
import pyarrow
import pyarrow.parquet
import pytest
from moto.server import ThreadedMotoServer

from spark_jobs.parquet_parts import open_part

TABLE = pyarrow.table({"x": [1.0, None, 3.0]})


@pytest.fixture
def endpoint(monkeypatch):
    """An S3 of the test's own, to which the environment leads."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    yield f"http://{host}:{port}"
    server.stop()


@pytest.mark.parametrize("name", ["part.parquet", "a b%20c#d?e=f.parquet", "Łódź/part=1.parquet"])
def test_a_part_on_the_disk_is_opened_by_its_uri(tmp_path, name):
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    pyarrow.parquet.write_table(TABLE, path, row_group_size=2)
    with open_part(path.as_uri()) as part:
        assert part.num_row_groups == 2
        assert part.read().equals(TABLE)


def test_a_part_in_s3_is_opened_by_its_uri(endpoint):
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="results")
    body = io.BytesIO()
    pyarrow.parquet.write_table(TABLE, body)
    s3.put_object(Bucket="results", Key="normalized/part-00000.parquet", Body=body.getvalue())
    with open_part("s3://results/normalized/part-00000.parquet") as part:
        assert part.read().equals(TABLE)


def test_a_part_that_is_not_there_is_an_error_of_its_own(tmp_path):
    with pytest.raises(FileNotFoundError):
        open_part((tmp_path / "part.parquet").as_uri())


def test_what_is_no_parquet_is_refused(tmp_path):
    (tmp_path / "part.parquet").write_bytes(b"a,b\n1,2\n")
    with pytest.raises(pyarrow.ArrowInvalid):
        open_part((tmp_path / "part.parquet").as_uri())
