"""The entry point: the commands, and errors made into one line and an exit code."""

from __future__ import annotations

from typing import Any

import click
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
)

from cli.cloud import down, env, up
from cli.compare import compare
from cli.controls import cancel, history, quarantine, rerun
from cli.dead_letters import dead_letters
from cli.demo import demo
from cli.errors import CliError
from cli.jobs import jobs, status
from cli.loadtest import loadtest
from cli.logs import logs
from cli.results import results
from cli.submit import submit
from local.errors import CloudError

EPILOG = """
\b
A first session:
  bigdata up
  bigdata submit trips.csv --group-by city --wait
  bigdata results trips-4b1c
  bigdata down

Commands talk to the cloud that the shell names (API_URL and INGEST_BUCKET, see `bigdata env`),
else to the local one. BIGDATA_PORT and BIGDATA_COMPUTE_PORT move its ports, BIGDATA_HOME its files.
"""


class Commands(click.Group):
    """Lists the commands in the order in which they are used, and translates errors once."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except CloudError as error:
            raise CliError(str(error)) from error
        except NoCredentialsError as error:
            raise CliError(
                "AWS finds no credentials: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and the like"
            ) from error
        except ClientError as error:
            raise CliError(f"AWS refuses: {error}") from error
        except EndpointConnectionError as error:
            raise CliError(f"AWS: {error}; `bigdata up` starts the local cloud") from error
        except BotoCoreError as error:
            raise CliError(f"AWS: {error}") from error
        except BrokenPipeError:
            raise
        except OSError as error:
            raise CliError(str(error)) from error


@click.group(cls=Commands, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="bigdata-serverless")
def main() -> None:
    """An event-driven big-data pipeline: upload a dataset, read one report."""


JOB_COMMANDS = (submit, status, jobs, results, quarantine, history, logs, cancel, rerun)

for command in (up, down, env, *JOB_COMMANDS, dead_letters, demo, compare, loadtest):
    main.add_command(command)
