"""`bigdata submit`: a file or a folder becomes a job."""

from __future__ import annotations

import json
from pathlib import Path

import boto3
import click
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from cli.api import Api
from cli.console import err, tell
from cli.errors import CliError
from cli.jobs import json_option, print_document
from cli.target import Target, use_target
from cli.upload import UploadPlan, plan_upload, upload
from cli.watch import appear, follow, raise_unless_completed, shown
from pipeline.dataset.identity import Upload, default_id, requested_id
from pipeline.dataset.metadata import to_metadata
from pipeline.dataset.options import DTYPES, parse_options
from pipeline.errors import InputRejected

EXAMPLES = """
\b
Examples:
  bigdata submit trips.csv --wait
  bigdata submit trips.csv --group-by city --columns fare,tip --job-id trips-1
  bigdata submit a-folder-of-parquet/ --no-compare
  bigdata submit trips.csv --wait --json > job.json
"""


@click.command(epilog=EXAMPLES)
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--job-id", help="1 to 64 of a-z, 0-9 and '-'.  [default: made of the name]")
@click.option("--columns", help="Normalize these columns alone, separated by commas.")
@click.option("--exclude", help="Normalize every numeric column but these.")
@click.option("--group-by", help="Summarise by this column.  [default: a text column that fits]")
@click.option("--no-gpu", is_flag=True, help="Normalize on the CPU queue.")
@click.option("--no-compare", is_flag=True, help="Run the DataFrame pipeline alone.")
@click.option("--dtype", type=click.Choice(DTYPES), default=DTYPES[0], show_default=True)
@click.option("--no-store", is_flag=True, help="Keep the report, drop the normalized data.")
@click.option("--force", is_flag=True, help="Do the work even if it was done before.")
@click.option("--wait", is_flag=True, help="Show the job's progress and wait for its end.")
@json_option
def submit(
    path: Path,
    job_id: str | None,
    columns: str | None,
    exclude: str | None,
    group_by: str | None,
    no_gpu: bool,
    no_compare: bool,
    dtype: str,
    no_store: bool,
    force: bool,
    wait: bool,
    as_json: bool,
) -> None:
    """Upload a file or a folder and start a job over it.

    With --wait the exit code is 0 only when the job ends as COMPLETED.
    """
    asked = {
        "columns": columns or "",
        "exclude": exclude or "",
        "group-by": group_by or "",
        "gpu-enabled": str(not no_gpu),
        "compare-pipelines": str(not no_compare),
        "dtype": dtype,
        "store-results": str(not no_store),
        "force": str(force),
    }
    if job_id == "":
        raise CliError("--job-id is empty: give an id, or leave the option out")
    metadata = _metadata(asked, job_id)
    plan = plan_upload(path)
    target = use_target()
    api = Api(target.api_url)
    if job_id and (taken := api.find_job(job_id)):
        source = taken["source"]
        raise CliError(
            f"job {job_id!r} exists already, over s3://{source['bucket']}/{source['key']}: "
            "choose another --job-id, or none"
        )
    version = _upload(plan, target, metadata)
    job_id = job_id or default_id(Upload(target.ingest_bucket, plan.trigger.key, version))
    tell(f"job {job_id} is submitted")
    if wait:
        with shown(job_id) as show:
            text = follow(api, job_id, show)
        print_document(text, as_json)
        raise_unless_completed(json.loads(text))
    elif as_json:
        print_document(appear(api, job_id), as_json)
    else:
        click.echo(f"see it with `bigdata status {job_id}`, or --wait for its end")


def _metadata(asked: dict[str, str], job_id: str | None) -> dict[str, str]:
    try:
        metadata = to_metadata(parse_options(asked), job_id)
        requested_id(metadata)
    except InputRejected as error:
        raise CliError(error.problem.message) from error
    return metadata


def _upload(plan: UploadPlan, target: Target, metadata: dict[str, str]) -> str | None:
    columns = (TextColumn("uploading"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as progress:
        task = progress.add_task("upload", total=plan.size_bytes)
        return upload(
            plan,
            boto3.client("s3"),
            target.ingest_bucket,
            metadata,
            lambda sent: progress.update(task, advance=sent),
        )
