"""Has the functions of a cloud that has just been started loaded before the first upload.

Each takes about a second to load, which the first job would wait for, and stays loaded.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local.errors import DeploymentError

_FOREIGN_JOB = {
    "source": "aws.batch",
    "detail": {"jobName": "none-of-ours", "jobId": "none-of-ours", "status": "RUNNING"},
}
EMPTY_EVENTS: dict[str, dict[str, Any]] = {
    "ValidateFunction": {},
    "CoordinateFunction": {
        "Records": [
            {
                "eventSource": "aws:sqs",
                "messageId": "warm-up",
                "body": json.dumps(_FOREIGN_JOB),
                "attributes": {"SentTimestamp": str(round(time.time() * 1000))},
            }
        ]
    },
}
"""By the output that names the function, an event of its kind in which nothing is to be done."""


def warm_up(functions: Any, outputs: Mapping[str, str]) -> None:
    """Invoke them, and wait until they have answered. `functions` is a boto3 Lambda client.

    Raises DeploymentError when one does not work.
    """

    def invoke(output: str) -> None:
        payload = json.dumps(EMPTY_EVENTS[output])
        try:
            answer = functions.invoke(FunctionName=outputs[output], Payload=payload)
        except (BotoCoreError, ClientError) as error:
            raise DeploymentError(f"{outputs[output]} cannot be invoked: {error}") from error
        if "FunctionError" in answer:
            said = answer["Payload"].read().decode(errors="replace")
            raise DeploymentError(f"{outputs[output]} does not work: {said[:1000]}")

    with ThreadPoolExecutor(len(EMPTY_EVENTS)) as callers:
        list(callers.map(invoke, EMPTY_EVENTS))
