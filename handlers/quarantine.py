"""The rows that a job has kept aside, page by page."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from contracts.layout import QUARANTINE_NAME, S3Uri
from handlers.problem_details import bad_request

PAGE_BYTES = 1 << 20
"""Some hundred times the longest row, and well below the 6 MB that Lambda answers with."""


@dataclass(frozen=True)
class QuarantinePage:
    """Rows with their `file`, `line`, `reason` and `text`; `next` is None on the last page."""

    rows: tuple[dict[str, Any], ...]
    next: str | None


def read_quarantine(s3: Any, attempt: S3Uri, limit: int, start: str | None) -> QuarantinePage:
    """At most `limit` rows of the attempt, from where a former page's `next` says.

    Raises HttpProblem for another `start`.
    """
    if start is not None and not (start.isdecimal() and len(start) < 19):
        raise bad_request("next must be the value that the page before gave.")
    offset = int(start or 0)
    place = attempt.join(QUARANTINE_NAME)
    wanted = f"bytes={offset}-{offset + PAGE_BYTES - 1}"
    try:
        answer = s3.get_object(Bucket=place.bucket, Key=place.key, Range=wanted)
    except ClientError as error:
        if error.response["Error"]["Code"] in ("NoSuchKey", "404", "InvalidRange", "416"):
            return QuarantinePage((), None)
        raise
    size = int(answer["ContentRange"].rpartition("/")[2])
    lines = [line for line in answer["Body"].read().splitlines(True) if line.endswith(b"\n")]
    lines = lines[:limit]
    try:
        rows = tuple(json.loads(line) for line in lines)
    except ValueError as error:
        raise bad_request("next must be the value that the page before gave.") from error
    end = offset + sum(map(len, lines))
    return QuarantinePage(rows, str(end) if lines and end < size else None)
