"""What the work queue has given up on: the dead-letter queue, read, and sent on its way again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from pipeline.clock import from_epoch_ms
from pipeline.messages import about

MOST_LISTED = 500
LOOKED_AT_SECONDS = 60
"""For so long a letter that is looked at is hidden from others."""

REASON = "reason"
"""The attribute with which the coordinator says why it gave up a message."""

EVENTBRIDGE_REASON = "ERROR_MESSAGE"


@dataclass(frozen=True)
class DeadLetter:
    """`kind` is our message's name or whose event it is, such as `CheckJob` or `aws.batch`."""

    id: str
    kind: str
    job_id: str | None
    reason: str
    sent_at: str
    body: str


class DeadLetters:
    """The queue at `url`, whose letters belong to `work_queue_url`. `sqs` is a boto3 client."""

    def __init__(self, sqs: Any, url: str, work_queue_url: str) -> None:
        self._sqs = sqs
        self._url = url
        self._work_queue_url = work_queue_url

    def bury(self, body: str, reason: str) -> None:
        """Add a message that was given up for `reason`."""
        attribute = {"DataType": "String", "StringValue": reason[:1000] or "unknown"}
        self._sqs.send_message(
            QueueUrl=self._url, MessageBody=body, MessageAttributes={REASON: attribute}
        )

    def listed(self, is_wanted: Callable[[DeadLetter], bool]) -> tuple[DeadLetter, ...]:
        """The wanted letters among the first MOST_LISTED."""
        return tuple(self._visit(is_wanted, self._put_back))

    def redrive(self, is_wanted: Callable[[DeadLetter], bool]) -> tuple[DeadLetter, ...]:
        """Send the wanted ones of the first MOST_LISTED to the work queue again; returns them."""

        def send(message: Any) -> None:
            # First this: a letter may come twice, but not get lost.
            self._sqs.send_message(QueueUrl=self._work_queue_url, MessageBody=message["Body"])
            self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])

        return tuple(self._visit(is_wanted, send))

    def _visit(
        self, is_wanted: Callable[[DeadLetter], bool], act: Callable[[Any], None]
    ) -> Iterator[DeadLetter]:
        """Take every letter once, `act` on the wanted ones and put the others back."""
        messages = list(self._received())
        for message in messages:
            letter = _letter(message)
            if is_wanted(letter):
                act(message)
                yield letter
            else:
                self._put_back(message)

    def _received(self) -> Iterator[Any]:
        seen: set[str] = set()
        while len(seen) < MOST_LISTED:
            answer = self._sqs.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=10,
                VisibilityTimeout=LOOKED_AT_SECONDS,
                # Asks all servers that have a share of the queue, and not only some.
                WaitTimeSeconds=1,
                MessageAttributeNames=["All"],
                MessageSystemAttributeNames=["SentTimestamp"],
            )
            new = [m for m in answer.get("Messages", ()) if m["MessageId"] not in seen]
            if not new:
                return
            seen |= {message["MessageId"] for message in new}
            yield from new

    def _put_back(self, message: Any) -> None:
        self._sqs.change_message_visibility(
            QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
        )


def _letter(message: Any) -> DeadLetter:
    attributes = message.get("MessageAttributes", {})
    said = attributes.get(REASON) or attributes.get(EVENTBRIDGE_REASON)
    kind, job_id = about(message["Body"])
    return DeadLetter(
        id=message["MessageId"],
        kind=kind,
        job_id=job_id,
        reason=said["StringValue"] if said else "it was delivered too often; the log tells more",
        sent_at=from_epoch_ms(int(message["Attributes"]["SentTimestamp"])),
        body=message["Body"],
    )
