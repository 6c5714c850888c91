"""The work queue (SQS), to which everybody writes and which the coordinator reads."""

from __future__ import annotations

from typing import Any

from pipeline.messages import OwnMessage, to_body


class WorkQueue:
    """Sends our own messages. `sqs` is a boto3 SQS client."""

    def __init__(self, sqs: Any, url: str) -> None:
        self._sqs = sqs
        self._url = url

    def send(
        self,
        message: OwnMessage,
        delay_seconds: int = 0,
    ) -> None:
        """Enqueue `message`, to be delivered after `delay_seconds` (at most 900)."""
        self._sqs.send_message(
            QueueUrl=self._url, MessageBody=to_body(message), DelaySeconds=delay_seconds
        )
