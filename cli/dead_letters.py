"""`bigdata dead-letters`: messages that the coordination has given up, and their second chance."""

from __future__ import annotations

import json
from functools import partial

import click
from rich.table import Table
from rich.text import Text

from cli.api import Api
from cli.console import print_result, tell
from cli.jobs import json_option
from cli.target import use_target
from cli.text import count, printable


@click.command(
    "dead-letters",
    epilog="\b\nExamples:\n  bigdata dead-letters\n  bigdata dead-letters --redrive --dry-run\n"
    "  bigdata dead-letters --job trips-1 --redrive",
)
@click.option("--job", "job_id", help="Only those of this job.")
@click.option("--kind", help="Only those of this kind, such as CheckJob or aws.batch.")
@click.option("--redrive", is_flag=True, help="Send them on their way again.")
@click.option("--dry-run", is_flag=True, help="With --redrive: only show which those are.")
@json_option
def dead_letters(
    job_id: str | None, kind: str | None, redrive: bool, dry_run: bool, as_json: bool
) -> None:
    """List messages that could not be handled, or redrive them."""
    if dry_run and not redrive:
        raise click.UsageError("--dry-run goes with --redrive.")
    api = Api(use_target().api_url)
    listed = api.dead_letters if not redrive else partial(api.redrive, dry_run=dry_run)
    text = listed(job_id, kind)
    if as_json:
        click.echo(text)
        return
    letters = json.loads(text)["dead_letters"]
    if letters:
        table = Table(box=None, padding=(0, 3, 0, 0), header_style="bold")
        for heading in ("Sent", "Kind", "Job", "Reason"):
            table.add_column(heading, overflow="fold")
        for letter in letters:
            cells = (letter["sent_at"], letter["kind"], letter["job_id"] or "", letter["reason"])
            table.add_row(*(Text(printable(cell)) for cell in cells))
        print_result(table)
    what = "would be sent again" if dry_run else "sent again" if redrive else "in all"
    tell(f"{count(len(letters), 'dead letter')} {what}")
