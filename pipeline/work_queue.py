"""The work queue (SQS), to which everybody writes and which the coordinator reads."""

from __future__ import annotations

from typing import Any

from pipeline.messages import OwnMessage, to_body

LONGEST_DELAY = 900
"""Seconds; SQS delays no message longer."""


class WorkQueue:
    """Sends our own messages. `sqs` is a boto3 SQS client."""

    def __init__(self, sqs: Any, url: str) -> None:
        self._sqs = sqs
        self._url = url

    def waiting(self) -> int:
        """How many messages could be delivered now, about."""
        name = "ApproximateNumberOfMessages"
        answer = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=[name])
        return int(answer["Attributes"][name])

    def send(self, message: OwnMessage, delay_seconds: int = 0) -> None:
        """Enqueue `message`, to be delivered after `delay_seconds`, LONGEST_DELAY at most."""
        self._sqs.send_message(
            QueueUrl=self._url, MessageBody=to_body(message), DelaySeconds=delay_seconds
        )
