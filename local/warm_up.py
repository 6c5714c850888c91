"""Has the functions of a cloud that has just been started loaded before the first upload.

Each takes about a second to load, and stays loaded. They are reached the way that an upload takes,
by events that mean nothing to them; nobody waits for them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

FOLDER_MARKER = "input/"
"""Its key ends in a slash, so it starts no job; consoles show it as the folder that is there."""

FOREIGN_STATE_CHANGE = {
    "source": "aws.batch",
    "detail": {"jobName": "warm-up", "jobId": "warm-up", "status": "RUNNING"},
}
"""Of a Batch job whose name is not one of ours."""


def warm_up(s3: Any, sqs: Any, outputs: Mapping[str, str]) -> None:
    """Have the validate and the coordinate function loaded. `s3` and `sqs` are boto3 clients."""
    s3.put_object(Bucket=outputs["IngestBucket"], Key=FOLDER_MARKER)
    sqs.send_message(QueueUrl=outputs["WorkQueueUrl"], MessageBody=json.dumps(FOREIGN_STATE_CHANGE))
