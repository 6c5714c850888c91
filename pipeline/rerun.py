"""A job done again: a new job over the same objects, which takes over what need not be redone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from pipeline.dataset.identity import MAX_LENGTH
from pipeline.model import Attempt, AttemptState, Job, Stage, Status

_SUFFIX = re.compile(r"-rerun-\d+$")
_LONGEST_SUFFIX = len("-rerun-9999")


def rerun_ids(job_id: str) -> Iterator[str]:
    """The ids that reruns of the job have, in order."""
    stem = _SUFFIX.sub("", job_id)[: MAX_LENGTH - _LONGEST_SUFFIX]
    number = 0
    while True:
        number += 1
        yield f"{stem}-rerun-{number}"


def is_validated(job: Job) -> bool:
    """Whether it is known which objects the dataset has and how they are read."""
    validate = job.latest(Stage.VALIDATE)
    return validate is not None and validate.state is AttemptState.SUCCEEDED


def rerun_of(job: Job, job_id: str, now: str, *, whole: bool) -> Job:
    """The rerun of `job`, which has ended and is validated, as a new job of the id `job_id`.

    It begins with the stage that failed, or with all the work when it is to be done as a `whole`
    or has been.
    """
    reused = tuple(_reused(job, whole or job.status is Status.COMPLETED))
    rerun = Job(
        job_id=job_id,
        status=Status.SUBMITTED,
        source=job.source,
        created_at=now,
        updated_at=now,
        options=job.options,
        attempts=reused,
        rerun_of=job.job_id,
    )
    return rerun.entered().advance(Status.QUEUED, now)


def is_same_rerun(job: Job, rerun: Job) -> bool:
    """Whether `job`, which is under way, does what `rerun` is to do."""
    taken_over = tuple(attempt for attempt in job.attempts if attempt.origin)
    alike = (job.rerun_of, taken_over) == (rerun.rerun_of, rerun.attempts)
    return alike and not job.status.is_end


def _reused(job: Job, whole: bool) -> Iterator[Attempt]:
    for stage in Stage:
        attempt = job.latest(stage)
        if attempt is None or attempt.state is not AttemptState.SUCCEEDED:
            return
        if stage is Stage.NORMALIZE and not job.options.store_results and not _is_summarised(job):
            return  # the first rerun that completes drops what the others would read
        yield replace(attempt, origin=attempt.origin or job.job_id)
        if whole or stage is Stage.SPARK:
            return


def _is_summarised(job: Job) -> bool:
    spark = job.latest(Stage.SPARK)
    return spark is not None and spark.state is AttemptState.SUCCEEDED
