"""Real clouds with ports and folders of their own: two side by side, ended, killed, interrupted."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from botocore.exceptions import ClientError

from local.cloud import Cloud, current, down, up
from local.config import REPOSITORY, CloudConfig, Home
from local.deployment import client, compute_client

pytestmark = pytest.mark.e2e

# A job that leaves its session and its parent behind.
SLEEPER = """
import subprocess, sys, time
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
time.sleep(600)
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def make_config() -> Iterator[Callable[[], CloudConfig]]:
    made: list[CloudConfig] = []

    def make() -> CloudConfig:
        folders = REPOSITORY / "build" / "e2e"
        folders.mkdir(parents=True, exist_ok=True)
        home = Home(Path(tempfile.mkdtemp(dir=folders)))
        made.append(CloudConfig(home, free_port(), free_port()))
        return made[-1]

    yield make
    for config in made:
        down(config.home)
        shutil.rmtree(config.home.path)


@pytest.fixture(scope="module")
def first(make_config: Callable[[], CloudConfig]) -> CloudConfig:
    config = make_config()
    up(config)
    return config


@pytest.fixture(scope="module")
def second(make_config: Callable[[], CloudConfig]) -> CloudConfig:
    config = make_config()
    up(config)
    return config


def cloud_in(config: CloudConfig) -> Cloud:
    cloud = current(config.home)
    assert cloud is not None
    return cloud


def get(cloud: Cloud, path: str) -> dict[str, Any]:
    with urllib.request.urlopen(f"{cloud.api_url}{path}", timeout=30) as answer:
        return json.loads(answer.read())


def wait_for(condition: Callable[[], Any], patience_s: float = 60) -> Any:
    deadline = time.monotonic() + patience_s
    while not (result := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.2)
    return result


def run_sleeper(cloud: Cloud) -> list[psutil.Process]:
    """Start a job with a grandchild, wake a Lambda worker; all processes that the cloud has."""
    targets = json.loads(json.loads(cloud.config.home.context.read_text())["compute_targets"])
    compute_client(cloud.config, "batch").submit_job(
        jobName="sleeper",
        jobQueue=targets["cpu_job_queue"],
        jobDefinition=targets["cpu_job_definition"],
        containerOverrides={"command": ["python", "-c", SLEEPER]},
        retryStrategy={"attempts": 1},
    )
    get(cloud, "/jobs")
    server = psutil.Process(cloud.pid)

    def sleepers() -> list[psutil.Process]:
        # The grandchild is still a descendant, for as long as its parent lives.
        return [child for child in server.children(recursive=True) if "sleep(600)" in text(child)]

    wait_for(lambda: len(sleepers()) == 2)
    family = [server, *server.children(recursive=True)]
    assert any("_worker.py" in text(process) for process in family)
    return family


def text(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def is_alive(process: psutil.Process) -> bool:
    # What the tests themselves started stays a zombie, which has no memory, until they end.
    return process.is_running() and process.memory_info().vms > 0


def assert_nothing_is_left(config: CloudConfig, family: list[psutil.Process]) -> None:
    assert [process for process in family if is_alive(process)] == []
    for port in (config.port, config.compute_port):
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port)) != 0
    assert current(config.home) is None


def test_two_clouds_live_side_by_side(first: CloudConfig, second: CloudConfig) -> None:
    bucket = cloud_in(first).outputs["IngestBucket"]
    client(first, "s3").put_object(Bucket=bucket, Key="only/here", Body=b"1")
    assert client(second, "s3").list_objects_v2(Bucket=bucket)["KeyCount"] == 0
    for config in (first, second):
        assert get(cloud_in(config), "/jobs")["jobs"] == []


def test_a_second_up_has_nothing_to_do(first: CloudConfig) -> None:
    steps: list[str] = []
    before = cloud_in(first)
    assert up(first, steps.append) == before
    assert steps == []


PLAIN_COMMANDS = [
    'aws s3 ls "s3://$INGEST_BUCKET"',
    'aws sqs get-queue-attributes --queue-url "$WORK_QUEUE_URL"',
    pytest.param(
        'curl -fsS "$API_URL/jobs"',
        marks=pytest.mark.skipif(not shutil.which("curl"), reason="there is no curl"),
    ),
    "cdk diff --fail",
]


@pytest.mark.parametrize("command", PLAIN_COMMANDS)
def test_plain_commands_talk_to_the_cloud_from_any_shell(first: CloudConfig, command: str) -> None:
    elsewhere = {
        "AWS_PROFILE": "nobody",
        "AWS_SESSION_TOKEN": "stale",
        "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:1",
        "HTTP_PROXY": "http://127.0.0.1:1",
        "http_proxy": "http://127.0.0.1:1",
    }
    environment = cloud_in(first).command_environment({**os.environ, **elsewhere})
    done = subprocess.run(
        ["sh", "-c", command], cwd=REPOSITORY, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_range_of_an_old_version_is_that_range(first: CloudConfig) -> None:
    s3, bucket = client(first, "s3"), cloud_in(first).outputs["IngestBucket"]
    old = s3.put_object(Bucket=bucket, Key="kept/key", Body=b"0123456789")["VersionId"]
    s3.put_object(Bucket=bucket, Key="kept/key", Body=b"overwritten")
    wanted = {"Bucket": bucket, "Key": "kept/key", "VersionId": old}
    answer = s3.get_object(**wanted, Range="bytes=2-4", ChecksumMode="ENABLED")
    assert (answer["Body"].read(), answer["ContentRange"]) == (b"234", "bytes 2-4/10")
    with pytest.raises(ClientError, match="InvalidRange"):
        s3.get_object(**wanted, Range="bytes=10-")


def test_jobs_outlast_a_down_that_leaves_nothing_behind(second: CloudConfig) -> None:
    before = cloud_in(second)
    client(second, "s3").put_object(
        Bucket=before.outputs["IngestBucket"],
        Key="input/empty.csv",
        Body=b"",
        Metadata={"job-id": "rejected"},
    )
    wait_for(lambda: get(before, "/jobs?status=REJECTED")["jobs"])
    document = get(before, "/jobs/rejected")
    family = run_sleeper(before)

    down(second.home)
    assert_nothing_is_left(second, family)

    steps: list[str] = []
    after = up(second, steps.append)
    assert steps == ["starting the local AWS", "loading the functions"]
    assert (after.outputs, get(after, "/jobs/rejected")) == (before.outputs, document)


def test_a_killed_server_and_an_interrupted_up_are_recovered_from(second: CloudConfig) -> None:
    cloud = cloud_in(second)
    family = run_sleeper(cloud)
    os.kill(cloud.pid, signal.SIGKILL)
    down(second.home)
    assert_nothing_is_left(second, family)

    script = "import sys; from local.cloud import *; from local.config import *;"
    script += "up(config_from_environment(), lambda step: print(step, flush=True))"
    home = {"BIGDATA_HOME": str(second.home.path)}
    ports = {"BIGDATA_PORT": str(second.port), "BIGDATA_COMPUTE_PORT": str(second.compute_port)}
    interrupted = subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=REPOSITORY,
        env={**os.environ, **home, **ports},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert interrupted.stdout
    assert next(interrupted.stdout).startswith("discarding what a killed cloud left")
    assert "deploying the stacks\n" in interrupted.stdout
    family = psutil.Process(interrupted.pid).children(recursive=True)
    log = second.home.deploy_log
    wait_for(lambda: "Bigdata-Storage: creating stack" in log.read_text(), patience_s=120)
    interrupted.send_signal(signal.SIGTERM)
    interrupted.send_signal(signal.SIGINT)
    assert interrupted.wait(timeout=60) != 0
    assert_nothing_is_left(second, family)

    assert get(up(second), "/jobs")["jobs"] == []
