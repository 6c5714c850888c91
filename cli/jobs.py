"""`bigdata status` and `bigdata jobs`: what the API says of one job, or of many."""

from __future__ import annotations

import json
from typing import Any

import click
from rich.table import Table
from rich.text import Text

from cli.api import Api
from cli.console import is_wide, print_result, tell
from cli.summary import COLOURS, job_summary
from cli.target import use_target
from cli.text import ENDLESS, count, printable, seconds
from cli.watch import follow, raise_unless_completed, shown
from pipeline.model import Status

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print the API's document and nothing else."
)


@click.command(epilog="\b\nExamples:\n  bigdata status trips-1\n  bigdata status trips-1 --wait")
@click.argument("job_id")
@click.option("--wait", is_flag=True, help="Wait for the job's end, showing its progress.")
@json_option
def status(job_id: str, wait: bool, as_json: bool) -> None:
    """Show where a job stands, and what it found.

    With --wait the job may still be on its way, and the exit code is 0 only when it ends as
    COMPLETED.
    """
    api = Api(use_target().api_url)
    if not wait:
        print_document(api.job(job_id), as_json)
        return
    with shown(job_id) as show:
        text = follow(api, job_id, show)
    print_document(text, as_json)
    raise_unless_completed(json.loads(text))


@click.command(
    epilog="\b\nExamples:\n  bigdata jobs\n  bigdata jobs --status FAILED\n"
    "  bigdata jobs --source input/trips.csv --json"
)
@click.option("--status", type=click.Choice([s.value for s in Status], case_sensitive=False))
@click.option("--source", help="The key of the uploaded object, such as input/trips.csv.")
@click.option("--limit", type=click.IntRange(1, 100), default=20, show_default=True)
@click.option("--next", "next_page", help="What an earlier page gave, to go on from there.")
@json_option
def jobs(
    status: str | None, source: str | None, limit: int, next_page: str | None, as_json: bool
) -> None:
    """List jobs, newest first."""
    text = Api(use_target().api_url).get(
        "/jobs", status=status, source=source, limit=limit, next=next_page
    )
    if as_json:
        click.echo(text)
        return
    page = json.loads(text)
    if page["jobs"]:
        print_result(_table(page["jobs"]))
    elif next_page:
        tell("there are no more jobs")
    elif status or source:
        tell("no job is like that; `bigdata jobs` shows all")
    else:
        tell("no jobs here; `bigdata submit FILE` makes one")
    if page["next"]:
        tell(f"more: add --next {page['next']}")


def print_document(text: str, as_json: bool) -> None:
    """Print a job document, which is `text`: as it is, or for people."""
    if as_json:
        click.echo(text)
    else:
        print_result(job_summary(json.loads(text)))


def _table(documents: list[dict[str, Any]]) -> Table:
    table = Table(box=None, padding=(0, 3, 0, 0), header_style="bold")
    table.add_column("Job", no_wrap=True)
    table.add_column("Status", no_wrap=True)
    table.add_column("Records", justify="right")
    table.add_column("Took", justify="right")
    if is_wide():
        table.add_column("Created", no_wrap=True)
    table.add_column("Source", overflow="fold")
    for document in documents:
        created = [document["created_at"][:16].replace("T", " ")] if is_wide() else []
        table.add_row(
            document["job_id"],
            Text(document["status"], style=COLOURS.get(document["status"], "cyan")),
            count(document["records_processed"]),
            seconds(document["processing_time"]),
            *created,
            Text(printable(document["source"]["key"], ENDLESS)),
        )
    return table
