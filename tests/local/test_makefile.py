import os
import subprocess
from pathlib import Path

from local.config import REPOSITORY

MAKEFILE = REPOSITORY / "Makefile"


def make(folder: Path, *arguments: str, **variables: str) -> str:
    command = ["make", "-f", str(MAKEFILE), *arguments]
    environment = {**os.environ, **variables}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, check=True, text=True
    ).stdout


def test_what_leads_the_shell_to_a_cloud_steers_no_target(tmp_path: Path) -> None:
    (tmp_path / "more.mk").write_text("probe: ; @env\n")

    said = make(
        tmp_path,
        *("-f", "more.mk", "probe"),
        AWS_ENDPOINT_URL_BATCH="http://127.0.0.1:1",
        AWS_PROFILE="work",
        BIGDATA_PORT="5001",
        CDK_APP="python -m local.synth",
        CDK_OUTPUT="elsewhere",
    )

    names = {line.partition("=")[0] for line in said.splitlines()}
    assert "BIGDATA_PORT" in names
    assert not {"CDK_APP", "CDK_OUTPUT"} & names
    assert not [name for name in names if name.startswith("AWS_")]


def test_down_installs_nothing(tmp_path: Path) -> None:
    assert make(tmp_path, "down") == ""
    assert list(tmp_path.iterdir()) == []


def test_down_asks_the_command_that_is_there_however_old_it_is(tmp_path: Path) -> None:
    command = tmp_path / ".venv" / "bin" / "bigdata"
    command.parent.mkdir(parents=True)
    command.write_text("#!/bin/sh\necho asked to: $*\n")
    command.chmod(0o755)

    assert make(tmp_path, "down") == "asked to: down\n"
