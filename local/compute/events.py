"""State changes, announced as AWS does: in EventBridge envelopes, through the deployed rules.

PutEvents refuses sources that begin with `aws.`, so each rule is asked whether its pattern matches
(TestEventPattern), and what it matches is sent to the rule's SQS targets. Events are kept in the
store until they are delivered, and leave in the order in which they came.
"""

from __future__ import annotations

import json
import logging
import math
import threading
import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local.compute.arns import Arns
from local.compute.store import Document, Store

LOGGER = logging.getLogger(__name__)

_FIRST_PAUSE_S = 0.2
_LONGEST_PAUSE_S = 5.0
_RULES_FRESH_S = 1.0
# EventBridge gives up after 185 tries; a refusal is met again here every five seconds.
_MOST_REFUSALS = 12


def envelope(
    source: str, detail_type: str, resources: list[str], detail: Document, arns: Arns
) -> Document:
    """The event as EventBridge hands it to a target."""
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": detail_type,
        "source": source,
        "account": arns.account_id,
        "time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": arns.region,
        "resources": resources,
        "detail": detail,
    }


@dataclass(frozen=True)
class _Rule:
    pattern: str
    queue_urls: tuple[str, ...]


class EventAnnouncer:
    """Delivers the store's events from a thread of its own.

    `events` and `sqs` are boto3 clients of the emulator. While it cannot be reached the events
    wait; an event that it refuses again and again is given up, with a line in the log.
    """

    def __init__(self, store: Store, events: Any, sqs: Any) -> None:
        self._store = store
        self._events = events
        self._sqs = sqs
        self._wake = threading.Event()
        self._stopped = threading.Event()
        self._rules: list[_Rule] = []
        self._rules_read = -math.inf
        self._thread = threading.Thread(target=self._work, name="events")

    def announce(self, event: Document) -> None:
        """Have `event` delivered; call it in the transaction that makes the event true."""
        self._store.put_event(event)
        self._wake.set()

    def start(self) -> None:
        self._wake.set()
        self._thread.start()

    def stop(self) -> None:
        """What has not been delivered yet is delivered after the next start."""
        self._stopped.set()
        self._wake.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._stopped.is_set():
            self._wake.wait()
            self._wake.clear()
            while (waiting := self._store.first_event()) and self._settle(waiting[1]):
                self._store.remove_event(waiting[0])

    def _settle(self, event: Document) -> bool:
        """Deliver `event` or give it up; False when the announcer was stopped before."""
        refusals = 0
        pause_s = _FIRST_PAUSE_S
        while not self._stopped.is_set():
            try:
                self._deliver(event)
                return True
            except ClientError as error:
                refusals += 1
                self._rules_read = -math.inf
                LOGGER.warning("event %s was refused: %s", event["id"], error)
                if refusals == _MOST_REFUSALS:
                    LOGGER.error("event given up: %s", json.dumps(event))
                    return True
            except BotoCoreError as error:
                LOGGER.warning("the emulator is out of reach: %s", error)
            self._stopped.wait(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
        return False

    def _deliver(self, event: Document) -> None:
        text = json.dumps(event)
        for rule in self._present_rules():
            if self._events.test_event_pattern(EventPattern=rule.pattern, Event=text)["Result"]:
                for url in rule.queue_urls:
                    self._sqs.send_message(QueueUrl=url, MessageBody=text)

    def _present_rules(self) -> list[_Rule]:
        """The deployed rules, read again when they may have changed."""
        now = time.monotonic()
        if now - self._rules_read > _RULES_FRESH_S:
            self._rules = self._read_rules()
            self._rules_read = now
        return self._rules

    def _read_rules(self) -> list[_Rule]:
        """The enabled rules of the default bus that have a pattern, with their SQS targets."""
        pages = self._events.get_paginator("list_rules").paginate()
        return [
            _Rule(rule["EventPattern"], self._queue_urls(rule["Name"]))
            for page in pages
            for rule in page["Rules"]
            if rule["State"] == "ENABLED" and rule.get("EventPattern")
        ]

    def _queue_urls(self, rule: str) -> tuple[str, ...]:
        targets = self._events.list_targets_by_rule(Rule=rule)["Targets"]
        arns = [target["Arn"].split(":") for target in targets]
        queues = [arn[5] for arn in arns if arn[2] == "sqs"]
        return tuple(self._sqs.get_queue_url(QueueName=queue)["QueueUrl"] for queue in queues)
