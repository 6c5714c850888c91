"""What people do to a job (`cancel`, `rerun`) and what came of it (`history`, `quarantine`)."""

from __future__ import annotations

import json

import click
from rich.table import Table
from rich.text import Text

from cli.api import Api
from cli.console import print_result, tell
from cli.jobs import json_option, print_document
from cli.target import use_target
from cli.text import printable
from cli.watch import follow, raise_unless_completed, shown
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


@click.command(
    epilog="\b\nExamples:\n  bigdata rerun trips-1 --wait\n  bigdata rerun trips-1 --whole"
)
@click.argument("job_id")
@click.option("--whole", is_flag=True, help="Do all the work again, not only what is missing.")
@click.option("--wait", is_flag=True, help="Wait for the new job's end, showing its progress.")
@json_option
def rerun(job_id: str, whole: bool, wait: bool, as_json: bool) -> None:
    """Do a job again, as a new job over the same objects.

    It begins with the stage that failed or was cancelled, and reuses what the stages before have
    left. A completed job is done again as a whole.
    """
    api = Api(use_target().api_url)
    new_id = json.loads(api.rerun(job_id, whole=whole))["job_id"]
    tell(f"job {new_id} does {job_id} again")
    if as_json and not wait:
        print_document(api.job(new_id), as_json)
        return
    if not wait:
        click.echo(f"see it with `bigdata status {new_id}`, or --wait for its end")
        return
    with shown(new_id) as show:
        text = follow(api, new_id, show)
    print_document(text, as_json)
    raise_unless_completed(json.loads(text))


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
        table.add_column(heading, overflow="fold", no_wrap=heading == "Time")
    for line in json.loads(text)["history"]:
        at = line["at"][:19].replace("T", " ")
        cells = (at, line["subject"], line["event"], printable(line["detail"]))
        table.add_row(*(Text(cell) for cell in cells))
    print_result(table)


@click.command(
    epilog="\b\nExamples:\n  bigdata quarantine trips-1\n  bigdata quarantine trips-1 --json"
)
@click.argument("job_id")
@click.option("--limit", type=click.IntRange(1, 100), default=20, show_default=True)
@click.option("--next", "next_page", help="What an earlier page gave, to go on from there.")
@json_option
def quarantine(job_id: str, limit: int, next_page: str | None, as_json: bool) -> None:
    """Show the rows that a job could not read and kept aside."""
    text = Api(use_target().api_url).quarantine(job_id, limit, next_page)
    if as_json:
        click.echo(text)
        return
    page = json.loads(text)
    if not page["rows"]:
        tell(f"job {job_id} has kept no row aside")
        return
    table = Table(box=None, padding=(0, 3, 0, 0), header_style="bold")
    for heading in ("File", "Line", "Reason", "Text"):
        table.add_column(heading, overflow="fold")
    for row in page["rows"]:
        line = "" if row["line"] is None else str(row["line"])
        cells = (printable(row["file"]), line, row["reason"], printable(row["text"]))
        table.add_row(*(Text(cell) for cell in cells))
    print_result(table)
    if page["next"]:
        tell(f"more: add --next {page['next']}")
