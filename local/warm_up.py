"""Has the functions of a cloud that has just been started loaded before the first upload.

Each takes about a second to load, which the first job would wait for, and stays loaded.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

_FOREIGN_JOB = {
    "source": "aws.batch",
    "detail": {"jobName": "none-of-ours", "jobId": "none-of-ours", "status": "RUNNING"},
}
EMPTY_EVENTS: dict[str, dict[str, Any]] = {
    "ValidateFunction": {},
    "CoordinateFunction": {
        "Records": [
            {"eventSource": "aws:sqs", "messageId": "warm-up", "body": json.dumps(_FOREIGN_JOB)}
        ]
    },
}
"""By the output that names the function, an event of its kind in which nothing is to be done."""


def warm_up(functions: Any, outputs: Mapping[str, str]) -> None:
    """Invoke them, and wait until they have answered. `functions` is a boto3 Lambda client."""

    def invoke(output: str) -> None:
        payload = json.dumps(EMPTY_EVENTS[output])
        functions.invoke(FunctionName=outputs[output], Payload=payload)

    with ThreadPoolExecutor(len(EMPTY_EVENTS)) as callers:
        list(callers.map(invoke, EMPTY_EVENTS))
