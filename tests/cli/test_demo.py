import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cli import demo
from cli.demo import _show, _taken_down_on_failure, _upload
from cli.errors import CliError
from cli.target import Target
from local.config import Home

HOME = Home(Path("/nowhere"))


@pytest.fixture(autouse=True)
def signals() -> Iterator[None]:
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in numbers}
    # Where a shell has put the tests in the background it is ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def stopped(monkeypatch: pytest.MonkeyPatch) -> list[Home]:
    homes: list[Home] = []
    monkeypatch.setattr(demo, "down", homes.append)
    return homes


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_demo_that_is_stopped_takes_down_the_cloud_it_started(
    monkeypatch: pytest.MonkeyPatch, stopped: list[Home], number: int
) -> None:
    monkeypatch.setattr(demo, "current", lambda home: None)

    with pytest.raises(KeyboardInterrupt), _taken_down_on_failure(HOME):
        stop_ourselves(number)

    assert stopped == [HOME]


def test_a_demo_that_fails_leaves_a_cloud_that_was_up_before(
    monkeypatch: pytest.MonkeyPatch, stopped: list[Home]
) -> None:
    monkeypatch.setattr(demo, "current", lambda home: "a cloud")

    with pytest.raises(CliError), _taken_down_on_failure(HOME):
        raise CliError("no")

    assert stopped == []


def test_a_demo_that_succeeds_leaves_the_cloud_up(
    monkeypatch: pytest.MonkeyPatch, stopped: list[Home]
) -> None:
    monkeypatch.setattr(demo, "current", lambda home: None)

    with _taken_down_on_failure(HOME):
        pass

    assert stopped == []


def test_the_flights_are_sent_by_the_aws_command(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    called = tmp_path / "called"
    stand_in(tmp_path, monkeypatch, f'printf "%s\\n" "$@" > {called}')

    _upload(Path("flights.csv"), Target("http://api", "ingest", None), "flights-1")

    said = called.read_text().split()
    assert said == [
        *("s3", "cp", "flights.csv", "s3://ingest/input/flights.csv"),
        *("--metadata", "group-by=carrier,force=true,job-id=flights-1"),
    ]
    assert "$ aws s3 cp flights.csv s3://ingest/input/flights.csv" in capsys.readouterr().err


def test_a_command_that_is_shown_can_be_pasted(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["printf", "%s", "http://127.0.0.1:4566/abc/$default/jobs/a"]

    _show(words)

    line = capsys.readouterr().err.removeprefix("$ ")
    assert subprocess.run(["sh", "-c", line], capture_output=True, text=True).stdout == words[2]


def test_an_upload_that_fails_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stand_in(tmp_path, monkeypatch, "echo no such bucket >&2; exit 1")

    with pytest.raises(CliError, match="no such bucket"):
        _upload(Path("flights.csv"), Target("http://api", "ingest", None), "flights-1")


def stop_ourselves(number: int) -> None:
    os.kill(os.getpid(), number)
    signal.pause()


def stand_in(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> Any:
    """An `aws` command first on PATH that does `script`."""
    command = folder / "bin" / "aws"
    command.parent.mkdir()
    command.write_text(f"#!/bin/sh\n{script}\n")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{command.parent}{os.pathsep}{os.environ['PATH']}")
