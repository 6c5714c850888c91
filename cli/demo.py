"""`bigdata demo`: real data through the whole system, sent as a newcomer would send them."""

from __future__ import annotations

import json
import secrets
import shlex
import shutil
import subprocess
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path

import boto3
import click

from cli.api import Api
from cli.cloud import HOW_TO_USE, local_config, steps
from cli.console import tell
from cli.errors import CliError
from cli.flights import write_flights
from cli.jobs import print_document
from cli.results import fetch, plan_downloads
from cli.target import Target, use_cloud
from cli.watch import follow, raise_unless_completed, shown
from local.cloud import current, down, up
from local.config import Home
from local.undoing import undone_on_failure

FOLDER = Path("out") / "demo"


@click.command()
def demo() -> None:
    """Carry 336,776 real flights through the local cloud.

    The cloud stays up afterwards. It is taken down again when the demo started it and does not
    succeed, or is stopped with Ctrl-C.
    """
    config = local_config()
    job_id = f"flights-{secrets.token_hex(3)}"
    with _taken_down_on_failure(config.home):
        with steps() as step:
            target = use_cloud(up(config, step))
            step("unpacking the flights")
            flights = _unpacked_flights()
        _upload(flights, target, job_id)
        api = Api(target.api_url)
        _show(["curl", f"{target.api_url}/jobs/{job_id}"])
        with shown(job_id) as show:
            text = follow(api, job_id, show)
        (FOLDER / "job.json").write_text(text)
        print_document(text, as_json=False)
        document = json.loads(text)
        raise_unless_completed(document)
        fetch(plan_downloads(document, boto3.client("s3"), FOLDER))
    click.echo(
        f"\nThe API's answer is in {FOLDER}/job.json, the normalized data are in "
        f"{FOLDER}/normalized/.\nThe cloud stays up.\n\n{HOW_TO_USE}"
    )


def _unpacked_flights() -> Path:
    """The CSV, in a folder that holds nothing of an earlier demo."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    flights = FOLDER / "flights.csv"
    write_flights(flights)
    return flights


def _upload(file: Path, target: Target, job_id: str) -> None:
    """With the AWS command line, as anybody would. Raises CliError."""
    place = f"s3://{target.ingest_bucket}/input/{file.name}"
    command = ["aws", "s3", "cp", str(file), place]
    command += ["--metadata", f"group-by=carrier,force=true,job-id={job_id}"]
    _show(command)
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise CliError(f"the upload failed: {done.stderr.strip()}")


def _show(command: list[str]) -> None:
    """As it can be pasted into a shell."""
    tell(f"$ {shlex.join(command)}")


def _taken_down_on_failure(home: Home) -> AbstractContextManager[None]:
    """Leaves no process behind when the demo ends badly, unless the cloud was up before it."""

    def undo() -> None:
        # The terminal may be what has gone.
        with suppress(OSError):
            tell("taking the local cloud down again")
        down(home)

    return nullcontext() if current(home) else undone_on_failure(undo)
