"""The report as the job document shows it: whole, or without its longest parts."""

from __future__ import annotations

import json
from typing import Any

from contracts.layout import JobLayout

MAX_SHOWN_BYTES = 1 << 21
"""Lambda answers with at most 6 MB, into which the document goes as an escaped JSON string."""

MAX_READ_BYTES = 1 << 26

PER_COLUMN = (
    ("normalize", "columns"),
    ("quality", "constant_columns"),
    ("quality", "empty_columns"),
    ("quality", "outlier_shares"),
)
"""What grows with the number of columns, within the report's metrics."""


def read_report(
    s3: Any, results_bucket: str, job_id: str
) -> tuple[dict[str, Any] | None, tuple[str, ...]]:
    """The job's report and what is to be said about it: parts that are too long are null."""
    place = JobLayout(results_bucket, job_id).report
    try:
        answer = s3.get_object(Bucket=place.bucket, Key=place.key)
    except s3.exceptions.NoSuchKey:
        return None, (f"The report is not there any more: {place} was deleted.",)
    size = answer["ContentLength"]
    if size > MAX_READ_BYTES:
        return None, (f"The report is too long to be shown here ({size} bytes): see {place}.",)
    report: dict[str, Any] = json.loads(answer["Body"].read())
    if size <= MAX_SHOWN_BYTES:
        return report, ()
    for section, part in PER_COLUMN:
        report["metrics"][section][part] = None
    return report, (f"What the report says about each column is too long for here: see {place}.",)
