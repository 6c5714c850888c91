"""`bigdata up`, `down` and `env`: the laptop's cloud, and what a shell needs to talk to a cloud."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import boto3
import click

from cli.console import err, tell
from cli.errors import CliError
from cli.text import seconds
from local.cloud import Cloud, current
from local.cloud import down as take_down
from local.cloud import up as bring_up
from local.config import CloudConfig, config_from_environment, home_from_environment
from local.deployment import outputs_of

OUTPUTS = {
    "API_URL": "ApiUrl",
    "INGEST_BUCKET": "IngestBucket",
    "RESULTS_BUCKET": "ResultsBucket",
    "JOBS_TABLE": "JobsTable",
    "WORK_QUEUE_URL": "WorkQueueUrl",
}

HOW_TO_USE = """\
In your shell:   eval "$(.venv/bin/bigdata env)"
then:            aws s3 cp FILE s3://$INGEST_BUCKET/input/ --metadata job-id=my-first
                 curl $API_URL/jobs/my-first
or:              bigdata submit FILE --wait
and at the end:  make down"""


@click.command()
def up() -> None:
    """Start the local cloud with the app in it.

    One that is up already is brought up to date with the checkout.
    """
    with steps() as step:
        cloud = bring_up(local_config(), step)
    tell(f"the local cloud is up at {cloud.config.endpoint}")
    click.echo(HOW_TO_USE)


@click.command()
def down() -> None:
    """Stop the local cloud and all that runs in it.

    Its data stay for the next `bigdata up`.
    """
    was_up = take_down(home_from_environment())
    tell("the local cloud is down" if was_up else "no local cloud was up")


@click.command(
    epilog='\b\nExamples:\n  eval "$(bigdata env)"\n'
    '  export AWS_PROFILE=me && eval "$(bigdata env --aws)"'
)
@click.option("--aws", is_flag=True, help="The stacks deployed to your AWS account instead.")
def env(aws: bool) -> None:
    """Print what makes a shell talk to the cloud.

    Meant for `eval "$(bigdata env)"` in sh, bash, zsh or dash; plain `aws`, `curl`, `cdk` and boto3
    then talk to it.
    """
    if aws:
        _print_exports(deployed_environment())
        return
    cloud = _running()
    for name in cloud.foreign_variables():
        click.echo(f"unset {name}")
    _print_exports(cloud.environment())


@contextmanager
def steps() -> Iterator[Callable[[str], None]]:
    """Shows the steps of starting a cloud, with the time that each one took."""
    started: list[tuple[str, float]] = []

    def finish() -> None:
        if started:
            name, since = started.pop()
            tell(f"✓ {name}  {seconds(time.monotonic() - since)}")

    with err.status("starting") as status:

        def step(name: str) -> None:
            finish()
            started.append((name, time.monotonic()))
            status.update(name)

        yield step
        finish()


def deployed_environment() -> dict[str, str]:
    """The names of what is deployed to the AWS account of the shell. Raises CliError."""
    if "AWS_ENDPOINT_URL" in os.environ:
        raise CliError(
            "this shell talks to the local cloud (AWS_ENDPOINT_URL is set): open another one"
        )
    cloudformation = boto3.client("cloudformation")
    region = cloudformation.meta.region_name
    pages = cloudformation.get_paginator("describe_stacks").paginate()
    outputs = outputs_of(stack for page in pages for stack in page["Stacks"])
    missing = [output for output in OUTPUTS.values() if output not in outputs]
    if missing:
        raise CliError(
            f"the stacks are not deployed in {region} (no output {', '.join(missing)}): "
            "run `cdk deploy --all`, or set AWS_REGION"
        )
    names = {name: outputs[output] for name, output in OUTPUTS.items()}
    return {"AWS_REGION": region, "AWS_DEFAULT_REGION": region, **names}


def _print_exports(environment: dict[str, str]) -> None:
    for name, value in environment.items():
        click.echo(f"export {name}={shlex.quote(value)}")


def local_config() -> CloudConfig:
    """The local cloud's settings. Raises CliError for ports that cannot be."""
    try:
        return config_from_environment()
    except ValueError as error:
        raise CliError(str(error)) from error


def _running() -> Cloud:
    cloud = current(home_from_environment())
    if cloud is None:
        raise CliError("the local cloud is not up: run `bigdata up`")
    return cloud
