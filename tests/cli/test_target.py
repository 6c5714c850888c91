import os
from pathlib import Path

import pytest

from cli import target
from cli.errors import CliError
from cli.target import use_target
from local.cloud import Cloud
from local.config import CloudConfig, Home

OUTPUTS = {
    "IngestBucket": "ingest",
    "ResultsBucket": "results",
    "JobsTable": "jobs",
    "WorkQueueUrl": "http://127.0.0.1:4566/0/work",
    "ApiId": "abc",
}


@pytest.fixture
def cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    running = Cloud(CloudConfig(Home(tmp_path), 14566, 14567), os.getpid(), OUTPUTS)
    monkeypatch.setattr(target, "current", lambda home: running)
    return running


def test_without_any_cloud_both_ways_to_one_are_told() -> None:
    with pytest.raises(CliError, match=r'bigdata up.*eval "\$\(bigdata env --aws\)"'):
        use_target()


def test_a_running_local_cloud_is_taken_and_clients_are_led_to_it(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "work")

    found = use_target()

    assert (found.api_url, found.ingest_bucket) == (cloud.api_url, "ingest")
    assert found.compute_files is not None
    assert os.environ["AWS_ENDPOINT_URL"] == "http://127.0.0.1:14566"
    assert "AWS_PROFILE" not in os.environ


def test_what_the_shell_names_comes_first(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_URL", "https://abc.execute-api.eu-west-1.amazonaws.com")
    monkeypatch.setenv("INGEST_BUCKET", "theirs")

    found = use_target()

    assert found.ingest_bucket == "theirs"
    assert found.compute_files is None
    assert "AWS_ENDPOINT_URL" not in os.environ


def test_a_shell_that_names_the_local_cloud_finds_its_logs(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("API_URL", cloud.api_url)
    monkeypatch.setenv("INGEST_BUCKET", "ingest")

    found = use_target()

    assert found.compute_files is not None
    assert found.compute_files.root == cloud.config.home.compute
