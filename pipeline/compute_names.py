"""What a compute job is called, in both directions.

Batch's job name and EMR Serverless' run name carry the job, the stage and the attempt, so that
an event which tells only the name (or through GetJobRun, the id) leads back to the attempt.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.model import Attempt, Job

NORMALIZE_COMMAND = ("python", "-m", "gpu_jobs.normalize", "Ref::spec")
"""The Batch container's command. `Ref::spec` is the one parameter, the URI of the spec."""

_NAME = re.compile(
    r"bigdata-(?P<job_id>[a-z0-9-]{1,64})--(?P<stage>normalize|spark)-(?P<number>\d{1,4})"
)


@dataclass(frozen=True)
class AttemptName:
    """The name of one attempt's compute job: at most 128 of [a-z0-9-], as Batch asks."""

    job_id: str
    stage: str
    number: int

    def __str__(self) -> str:
        return f"bigdata-{self.job_id}--{self.stage}-{self.number}"

    @classmethod
    def of(cls, job: Job, attempt: Attempt) -> AttemptName:
        """The name of an attempt that `job` has made or reuses."""
        return cls(attempt.origin or job.job_id, attempt.stage.value, attempt.number)

    @classmethod
    def parse(cls, name: str) -> AttemptName | None:
        """The attempt that `name` belongs to, or None when the name is not one of ours."""
        match = _NAME.fullmatch(name)
        if match is None:
            return None
        return cls(match["job_id"], match["stage"], int(match["number"]))

    @property
    def client_token(self) -> str:
        """The same for the same attempt, so that StartJobRun starts it once."""
        return hashlib.sha256(str(self).encode()).hexdigest()
