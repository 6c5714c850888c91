from typing import Any

import boto3
import click
import pytest
from click.testing import CliRunner

from cli.main import main
from tests.cli.world import FakeApi

COMMANDS = [
    "up",
    "down",
    "env",
    "submit",
    "status",
    "jobs",
    "results",
    "quarantine",
    "history",
    "logs",
    "cancel",
    "rerun",
    "dead-letters",
    "demo",
    "compare",
]


def test_help_lists_the_commands_in_the_order_of_their_use(runner: CliRunner) -> None:
    said = runner.invoke(main, ["--help"]).output

    assert [
        line.split()[0] for line in said.split("Commands:\n")[1].splitlines()[: len(COMMANDS)]
    ] == COMMANDS


@pytest.mark.parametrize(
    "command",
    ["env", "submit", "status", "jobs", "results", "history", "logs", "cancel", "rerun", "compare"],
)
def test_help_of_a_command_has_examples(runner: CliRunner, command: str) -> None:
    said = runner.invoke(main, [command, "--help"])

    assert said.exit_code == 0
    assert "Example" in said.output
    assert f"bigdata {command} " in said.output


def test_what_aws_refuses_is_one_line(
    runner: CliRunner, api: FakeApi, aws: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    file = tmp_path / "_SUCCESS.csv"
    file.write_text("x\n1\n")
    monkeypatch.setenv("INGEST_BUCKET", "nobodys")

    done = runner.invoke(main, ["submit", str(file)])

    assert done.exit_code == 1
    assert done.stderr.startswith("Error: ") and "NoSuchBucket" in done.stderr
    assert done.stderr.count("\n") == 1


def test_missing_credentials_name_the_next_step(
    runner: CliRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    from botocore.exceptions import NoCredentialsError

    def client(service: str) -> Any:
        raise NoCredentialsError

    monkeypatch.setattr(boto3, "client", client)

    done = runner.invoke(main, ["env", "--aws"])

    assert done.exit_code == 1
    assert "AWS_PROFILE" in done.stderr


def test_an_error_of_ours_keeps_its_traceback(runner: CliRunner) -> None:
    @main.command("broken")
    def broken() -> None:
        raise ZeroDivisionError

    try:
        assert isinstance(runner.invoke(main, ["broken"]).exception, ZeroDivisionError)
    finally:
        del main.commands["broken"]
    assert isinstance(main, click.Group)
