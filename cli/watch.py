"""A job followed to its end, its stages shown as they go."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from cli.api import Api
from cli.console import err, tell
from cli.errors import ApiError, ApiUnreachable, CliError
from cli.text import seconds, since
from pipeline.model import AttemptState, Stage, Status

POLL_S = 0.5
APPEARS_WITHIN_S = 120.0
FAILURES_IN_A_ROW = 5

Document = dict[str, Any]
Show = Callable[[Document], None]


def follow(api: Api, job_id: str, show: Show = lambda _: None) -> str:
    """The job document at the job's end, as the API sent it; `show` sees each one on the way.

    Raises CliError when no such job appears, or when the API fails several times in a row.
    """
    failures = 0
    deadline = time.monotonic() + APPEARS_WITHIN_S
    while True:
        try:
            text = api.job(job_id)
            failures = 0
            document = json.loads(text)
            show(document)
            if Status(document["status"]).is_end:
                return text
        except (ApiError, ApiUnreachable) as error:
            failures += 1
            if not _is_early(error, deadline) and not _may_pass(error, failures):
                raise
        time.sleep(POLL_S)


def appear(api: Api, job_id: str) -> str:
    """The job document as soon as there is one. Raises CliError when there is none for long."""
    deadline = time.monotonic() + APPEARS_WITHIN_S
    while True:
        try:
            return api.job(job_id)
        except ApiError as error:
            if not _is_early(error, deadline):
                raise
        time.sleep(POLL_S)


@contextmanager
def shown(job_id: str) -> Iterator[Show]:
    """Shows documents on standard error: a live table on a terminal, else a line a change."""
    try:
        if not err.is_terminal or err.is_dumb_terminal:
            yield _Lines().show
            return
        view = _Stages(job_id)
        with Live(view, console=err, refresh_per_second=8, transient=True):
            yield view.show
    except KeyboardInterrupt:
        tell(
            f"job {job_id} goes on: `bigdata status {job_id} --wait` shows it again, "
            f"`bigdata cancel {job_id}` ends it"
        )
        raise SystemExit(130) from None


def raise_unless_completed(document: Document) -> None:
    """Raises CliError, with the job's own error, for a job that ended badly."""
    if document["status"] == Status.COMPLETED:
        return
    error = document["error"] or {"code": "unknown", "message": "no reason is recorded"}
    where = f" ({error['where']})" if error.get("where") else ""
    raise CliError(
        f"job {document['job_id']} is {document['status']}: "
        f"{error['code']}{where}: {error['message']}"
    )


def _is_early(error: CliError, deadline: float) -> bool:
    """An upload becomes a job a moment after it has arrived."""
    return isinstance(error, ApiError) and error.status == 404 and time.monotonic() < deadline


def _may_pass(error: CliError, failures: int) -> bool:
    lasting = isinstance(error, ApiError) and error.status < 500 and error.status != 429
    return not lasting and failures < FAILURES_IN_A_ROW


class _Lines:
    def __init__(self) -> None:
        self._started = time.monotonic()
        self._shown: str | None = None

    def show(self, document: Document) -> None:
        line = ", ".join(f"{s['name']} {s['status']}" for s in document["stages"][-1:])
        line = f"{document['status']}" + (f" ({line})" if line else "")
        if line != self._shown:
            self._shown = line
            tell(f"{time.monotonic() - self._started:6.1f} s  {line}")


class _Stages:
    """The table of stages; rich renders it anew several times a second."""

    def __init__(self, job_id: str) -> None:
        self._job_id = job_id
        self._started = time.monotonic()
        self._document: Document | None = None
        self._spinner = Spinner("dots")

    def show(self, document: Document) -> None:
        self._document = document

    def __rich__(self) -> RenderableType:
        stages = self._document["stages"] if self._document else []
        status = self._document["status"] if self._document else "waiting for the job to appear"
        elapsed = seconds(time.monotonic() - self._started)
        table = Table.grid(padding=(0, 2))
        for stage in Stage:
            table.add_row(*self._row(stage, [s for s in stages if s["name"] == stage]))
        return Group(Text(f"{self._job_id}  {status}  {elapsed}", style="bold"), table)

    def _row(self, stage: Stage, attempts: list[Document]) -> list[RenderableType]:
        if not attempts:
            return [Text("·", style="dim"), Text(stage.value, style="dim"), ""]
        latest = attempts[-1]
        name = stage.value if len(attempts) == 1 else f"{stage.value} (attempt {len(attempts)})"
        if latest["status"] == AttemptState.SUCCEEDED:
            return [Text("✓", style="green"), name, seconds(latest["duration_s"])]
        if latest["status"] in (AttemptState.FAILED, AttemptState.STOPPED):
            return [Text("✗", style="red"), name, seconds(latest["duration_s"])]
        took = since(latest["started_at"])
        return [self._spinner, name, seconds(took) if took is not None else latest["status"]]
