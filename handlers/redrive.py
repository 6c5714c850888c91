"""Which dead letters a request is about, and word of it in the jobs' histories."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from handlers.problem_details import bad_request
from handlers.request_body import parse_object, refuse_unknown
from pipeline.clock import now
from pipeline.dead_letters import DeadLetter
from pipeline.model import Job
from pipeline.store import JobStore


@dataclass(frozen=True)
class Choice:
    """Which dead letters: those of a job, of a kind, of both, or all."""

    job_id: str | None = None
    kind: str | None = None

    def takes(self, letter: DeadLetter) -> bool:
        """Whether `letter` is one of them."""
        return self.job_id in (None, letter.job_id) and self.kind in (None, letter.kind)


def parse_redrive(text: str) -> tuple[Choice, bool]:
    """Which dead letters to send again, and whether only to tell. Raises HttpProblem."""
    body = parse_object(text) if text else {}
    refuse_unknown(body, ("job_id", "kind", "dry_run"), "the body")
    for name in ("job_id", "kind"):
        if not isinstance(body.get(name), str | None):
            raise bad_request(f"{name} must be a text.")
    dry_run = body.get("dry_run", False)
    if not isinstance(dry_run, bool):
        raise bad_request("dry_run must be true or false.")
    return Choice(body.get("job_id"), body.get("kind")), dry_run


def note_redrive(letters: Sequence[DeadLetter], store: JobStore) -> None:
    """Have the jobs that the letters are about tell of it; they are on their way by now."""
    for job_id in {letter.job_id for letter in letters if letter.job_id}:
        kinds = {letter.kind for letter in letters if letter.job_id == job_id}
        job = store.find(job_id)
        if job is not None:
            store.change(job, partial(Job.redriven, kinds=", ".join(sorted(kinds)), now=now()))
