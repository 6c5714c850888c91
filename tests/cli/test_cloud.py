import os
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from click.testing import CliRunner

from cli import cloud as commands
from cli.main import main
from local.cloud import Cloud
from local.config import CloudConfig, Home
from local.errors import PortTaken
from local.processes import mark

OUTPUTS = {
    "IngestBucket": "ingest",
    "ResultsBucket": "results",
    "JobsTable": "jobs",
    "WorkQueueUrl": "http://127.0.0.1:4566/0/work",
    "ApiId": "abc",
}
SHELLS = [shell for shell in ("sh", "bash", "dash", "zsh") if shutil.which(shell)]


@pytest.fixture
def cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    home = Home(tmp_path / 'it\'s a $HOME "folder"; echo no')
    running = Cloud(CloudConfig(home, 14566, 14567), os.getpid(), OUTPUTS)
    monkeypatch.setattr(commands, "current", lambda home: running)
    return running


@pytest.mark.parametrize("shell", SHELLS)
def test_env_sets_and_unsets_in_every_shell_whatever_the_values_hold(
    runner: CliRunner, cloud: Cloud, monkeypatch: pytest.MonkeyPatch, shell: str
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "work")
    done = runner.invoke(main, ["env"])
    assert done.exit_code == 0
    assert done.stderr == ""

    said = subprocess.run(
        [shell, "-c", f"set -eu\n{done.stdout}\n/usr/bin/env -0"], capture_output=True, check=True
    )

    pairs = said.stdout.decode().rstrip("\0").split("\0")
    found = dict(pair.split("=", 1) for pair in pairs)
    assert found.items() >= cloud.environment().items()
    assert "AWS_PROFILE" not in found


def test_env_without_a_cloud_prints_nothing_to_evaluate(
    runner: CliRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "current", lambda home: None)

    done = runner.invoke(main, ["env"])

    assert done.exit_code == 1
    assert (done.stdout, done.stderr) == (
        "",
        "Error: the local cloud is not up: run `bigdata up`\n",
    )


@pytest.fixture
def deployed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    """CloudFormation, to be told what it answers."""
    client = boto3.client("cloudformation")
    monkeypatch.setattr(boto3, "client", lambda service: client)
    with Stubber(client) as stub:
        yield stub


def stack(name: str, outputs: dict[str, str]) -> dict[str, Any]:
    listed = [{"OutputKey": key, "OutputValue": value} for key, value in outputs.items()]
    state = {"CreationTime": datetime.now(UTC), "StackStatus": "CREATE_COMPLETE"}
    return {"StackName": name, "Outputs": listed, **state}


def test_env_of_aws_is_read_from_the_stacks_outputs(runner: CliRunner, deployed: Stubber) -> None:
    api = stack("Bigdata-Api", {"ApiUrl": "https://abc.execute-api.us-east-1.amazonaws.com"})
    storage = stack("Bigdata-Storage", {k: v for k, v in OUTPUTS.items() if k != "ApiId"})
    other = stack("Other", {"ApiUrl": "https://other"})
    deployed.add_response("describe_stacks", {"Stacks": [api, storage, other]})

    done = runner.invoke(main, ["env", "--aws"])

    assert done.stdout.splitlines() == [
        "export AWS_REGION=us-east-1",
        "export AWS_DEFAULT_REGION=us-east-1",
        "export API_URL=https://abc.execute-api.us-east-1.amazonaws.com",
        "export INGEST_BUCKET=ingest",
        "export RESULTS_BUCKET=results",
        "export JOBS_TABLE=jobs",
        "export WORK_QUEUE_URL=http://127.0.0.1:4566/0/work",
    ]


def test_env_of_aws_before_a_deployment_names_the_next_step(
    runner: CliRunner, deployed: Stubber
) -> None:
    deployed.add_response("describe_stacks", {"Stacks": []})

    done = runner.invoke(main, ["env", "--aws"])

    assert done.exit_code == 1
    assert done.stdout == ""
    assert "not deployed in us-east-1" in done.stderr and "cdk deploy --all" in done.stderr


def test_env_of_aws_does_not_take_the_local_cloud_for_it(
    runner: CliRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")

    assert "open another one" in runner.invoke(main, ["env", "--aws"]).stderr


def test_up_tells_each_step_and_how_to_go_on(
    runner: CliRunner, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    def bring_up(config: CloudConfig, step: Any) -> Cloud:
        step("starting the local AWS")
        step("deploying the stacks")
        return cloud

    monkeypatch.setattr(commands, "bring_up", bring_up)

    done = runner.invoke(main, ["up"])

    assert done.exit_code == 0
    assert "✓ starting the local AWS" in done.stderr
    assert "✓ deploying the stacks" in done.stderr
    assert "http://127.0.0.1:14566" in done.stderr
    assert 'eval "$(.venv/bin/bigdata env)"' in done.stdout


def test_an_error_of_the_local_cloud_is_one_line(
    runner: CliRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    def bring_up(config: CloudConfig, step: Any) -> Cloud:
        raise PortTaken("port 4566 is in use: set BIGDATA_PORT to a free port")

    monkeypatch.setattr(commands, "bring_up", bring_up)

    done = runner.invoke(main, ["up"])

    assert done.exit_code == 1
    assert done.stderr == "Error: port 4566 is in use: set BIGDATA_PORT to a free port\n"


def test_a_port_that_is_none_is_one_line(
    runner: CliRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BIGDATA_PORT", "http")

    assert "BIGDATA_PORT must be a port number" in runner.invoke(main, ["up"]).stderr


@pytest.mark.parametrize("record", [None, "", "{", "{}", "[]", "null", '{"pid": "none"}'])
def test_down_stops_whatever_runs_however_broken_the_record(
    runner: CliRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, record: str | None
) -> None:
    home = Home(tmp_path)
    monkeypatch.setenv("BIGDATA_HOME", str(home.path))
    if record is not None:
        home.record.write_text(record)
    process = subprocess.Popen(["sleep", "60"], env={**os.environ, **mark(home.path)})

    assert "is down" in runner.invoke(main, ["down"]).stderr
    assert process.wait(timeout=5) is not None
    assert "no local cloud was up" in runner.invoke(main, ["down"]).stderr
