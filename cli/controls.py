"""`bigdata cancel` and `bigdata history`: what people do to a job, and what happened to it."""

from __future__ import annotations

import json

import click
from rich.table import Table
from rich.text import Text

from cli.api import Api
from cli.console import print_result, tell
from cli.jobs import json_option
from cli.target import use_target
from cli.watch import follow, shown
from pipeline.model import Status


@click.command(
    epilog="\b\nExamples:\n  bigdata cancel trips-1\n"
    '  bigdata cancel trips-1 --reason "wrong file" --wait'
)
@click.argument("job_id")
@click.option("--reason", help="Why; it stands in the job's history and in its error.")
@click.option("--wait", is_flag=True, help="Wait until the job's work has stopped.")
def cancel(job_id: str, reason: str | None, wait: bool) -> None:
    """End a job and the work that AWS does for it.

    The job is CANCELLED once its Batch job or Spark run has really stopped.
    """
    api = Api(use_target().api_url)
    api.cancel(job_id, reason)
    tell(f"job {job_id} is to be cancelled")
    if wait:
        with shown(job_id) as show:
            status = json.loads(follow(api, job_id, show))["status"]
        if status != Status.CANCELLED:
            tell(f"job {job_id} had come to its end before: {status}")


@click.command(epilog="\b\nExamples:\n  bigdata history trips-1\n  bigdata history trips-1 --json")
@click.argument("job_id")
@json_option
def history(job_id: str, as_json: bool) -> None:
    """Show what happened to a job, and when."""
    text = Api(use_target().api_url).history(job_id)
    if as_json:
        click.echo(text)
        return
    table = Table(box=None, padding=(0, 3, 0, 0), header_style="bold")
    for heading in ("Time", "What", "Event", "Detail"):
        table.add_column(heading, overflow="fold")
    for line in json.loads(text)["history"]:
        cells = (line["at"], line["subject"], line["event"], line["detail"])
        table.add_row(*(Text(cell) for cell in cells))
    print_result(table)
