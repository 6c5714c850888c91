"""Everything that this project raises on purpose.

BigdataError
├── InputRejected      the uploader's fault: the job ends as REJECTED
├── LostRace           another writer saved the job first: read again, decide again
├── LaunchRefused      AWS will never start this attempt: it fails
├── TryAgain           not yet: the message goes back to the queue
├── ObjectGone         an object, or the version asked for, no longer exists
└── JobNotFound        no job has this id
"""

from contracts.problem import Problem


class BigdataError(Exception):
    """The root of the project's exceptions."""


class InputRejected(BigdataError):
    """The dataset or its options cannot be worked with; `problem` says so to the uploader."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(f"{problem.code}: {problem.message}")
        self.problem = problem


class LostRace(BigdataError):
    """The job was changed between our read and our conditional save."""


class LaunchRefused(BigdataError):
    """AWS refuses to start an attempt for a reason that asking again does not change."""


class TryAgain(BigdataError):
    """A message cannot be handled yet; SQS is to deliver it once more."""


class ObjectGone(BigdataError):
    """The object, or this version of it, does not exist."""

    def __init__(self, bucket: str, key: str, version_id: str | None) -> None:
        version = f" at version {version_id}" if version_id else ""
        super().__init__(f"s3://{bucket}/{key}{version} does not exist")
        self.bucket, self.key, self.version_id = bucket, key, version_id


class JobNotFound(BigdataError):
    """No job has this id."""

    def __init__(self, job_id: str) -> None:
        super().__init__(f"no job has the id {job_id!r}")
        self.job_id = job_id
