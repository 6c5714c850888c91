"""`bigdata results`: what a job left, downloaded and checked against its markers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import click
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from cli.api import Api
from cli.console import err, tell
from cli.errors import CliError
from cli.target import use_target
from cli.text import count, size
from contracts.layout import MARKER_NAME, NORMALIZED_PREFIX, S3Uri
from contracts.marker import Marker, OutputFile
from contracts.storage import read_document
from pipeline.model import Status


@dataclass(frozen=True)
class Download:
    """One object and where it goes; `listed` is what the marker says of it."""

    source: S3Uri
    target: Path
    listed: OutputFile | None = None

    @property
    def size_bytes(self) -> int:
        return self.listed.size_bytes if self.listed else 0


@click.command(
    epilog="\b\nExamples:\n  bigdata results trips-1\n  bigdata results trips-1 --to here"
)
@click.argument("job_id")
@click.option("--to", "folder", type=click.Path(path_type=Path), help="[default: out/JOB_ID]")
def results(job_id: str, folder: Path | None) -> None:
    """Download what a job left.

    That is the normalized Parquet, the summaries and the report. Every file is compared with the
    checksum that its stage recorded.
    """
    document = json.loads(Api(use_target().api_url).job(job_id))
    folder = folder or Path("out") / job_id
    downloads = plan_downloads(document, boto3.client("s3"), folder)
    if not downloads:
        raise CliError(
            f"job {job_id} is {document['status']} and has no results; "
            f"`bigdata status {job_id}` says more"
        )
    _refuse_others(folder, downloads)
    fetch(downloads)
    total = sum(download.target.stat().st_size for download in downloads)
    click.echo(f"{count(len(downloads), 'file')}, {size(total)}, in {folder}")
    if not Status(document["status"]).is_end:
        tell(f"the job is still {document['status']}: there is more to come")


def plan_downloads(document: dict[str, Any], s3: Any, folder: Path) -> list[Download]:
    """What the job document points at, file by file as the markers list them."""
    results = document["results"]
    downloads = []
    if "normalized" in results:
        attempt = S3Uri.parse(results["normalized"].removesuffix(NORMALIZED_PREFIX))
        downloads += _listed(attempt, s3, folder)
    if "summaries" in results:
        downloads += _listed(S3Uri.parse(results["summaries"]), s3, folder / "summaries")
    if "report" in results:
        downloads.append(Download(S3Uri.parse(results["report"]), folder / "report.json"))
    return downloads


def fetch(downloads: list[Download]) -> None:
    """Download all, showing progress on a terminal. Raises CliError for a file that differs."""
    s3 = boto3.client("s3")
    columns = (TextColumn("downloading"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as progress:
        task = progress.add_task("download", total=sum(d.size_bytes for d in downloads))
        for download in downloads:
            _fetch(download, s3, lambda received: progress.update(task, advance=received))


def _refuse_others(folder: Path, downloads: list[Download]) -> None:
    """Raises CliError when Parquet of another job lies where this one's is to go."""
    ours = {download.target for download in downloads}
    found = (folder / NORMALIZED_PREFIX).glob("*.parquet")
    if others := sorted(str(path) for path in found if path not in ours):
        raise CliError(
            f"{folder} has files of another job, such as {others[0]}: remove them, or choose "
            "another folder with --to"
        )


def _listed(attempt: S3Uri, s3: Any, folder: Path) -> list[Download]:
    marker = read_document(Marker, str(attempt.join(MARKER_NAME)), s3)
    return [Download(attempt.join(file.name), folder / file.name, file) for file in marker.files]


def _fetch(download: Download, s3: Any, advance: Callable[[int], None]) -> None:
    download.target.parent.mkdir(parents=True, exist_ok=True)
    s3.download_file(
        download.source.bucket, download.source.key, str(download.target), Callback=advance
    )
    listed = download.listed
    if listed and _sha256(download.target) != listed.sha256:
        raise CliError(
            f"{download.source} is not what its stage wrote ({listed.size_bytes} bytes, SHA-256 "
            f"{listed.sha256}): download it again, or run the job again"
        )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
