import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.compute.arns import Arns
from local.compute.events import EventAnnouncer, envelope
from local.compute.store import Store
from tests.local.compute.laptop import Laptop, client, wait_until

ARNS = Arns("us-east-1", "000000000000")


class Rule:
    """A deployed rule with a queue of its own behind it."""

    def __init__(self, emulator: str, name: str, pattern: dict[str, Any]) -> None:
        self.events, self.sqs = client("events", emulator), client("sqs", emulator)
        self.name = name
        self.url = self.sqs.create_queue(QueueName=name)["QueueUrl"]
        self.events.put_rule(Name=name, EventPattern=json.dumps(pattern))
        arn = f"arn:aws:sqs:us-east-1:000000000000:{name}"
        self.events.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": arn}])

    def received(self, count: int) -> list[dict[str, Any]]:
        bodies: list[dict[str, Any]] = []
        deadline = time.monotonic() + 20
        while len(bodies) < count and time.monotonic() < deadline:
            answer = self.sqs.receive_message(
                QueueUrl=self.url, MaxNumberOfMessages=10, WaitTimeSeconds=1
            )
            for message in answer.get("Messages", []):
                bodies.append(json.loads(message["Body"]))
                self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
        return bodies

    def remove(self) -> None:
        self.events.remove_targets(Rule=self.name, Ids=["queue"])
        self.events.delete_rule(Name=self.name)
        self.sqs.delete_queue(QueueUrl=self.url)


@pytest.fixture
def rule(emulator: str) -> Iterator[Callable[..., Rule]]:
    rules: list[Rule] = []

    def make(name: str, **pattern: Any) -> Rule:
        rules.append(Rule(emulator, name, {key.replace("_", "-"): v for key, v in pattern.items()}))
        return rules[-1]

    yield make
    for made in rules:
        made.remove()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "store.sqlite3")
    yield made
    made.close()


def event(number: int, source: str = "aws.test") -> dict[str, Any]:
    return envelope(source, "Test", [], {"number": number}, ARNS)


def announced(store: Store, announcer: EventAnnouncer, *events: dict[str, Any]) -> None:
    for each in events:
        with store.transaction():
            announcer.announce(each)


def test_a_batch_job_announces_each_change_in_awss_envelope(
    emulator: str, start: Callable[..., Laptop], rule: Callable[..., Rule]
) -> None:
    laptop = start(emulator_endpoint_url=emulator)
    ours = rule("ours", source=["aws.batch"], detail={"jobQueue": [laptop.queue()]})
    ends = rule("ends", source=["aws.batch"], detail={"status": ["SUCCEEDED", "FAILED"]})
    rule("others", source=["aws.batch"], detail={"jobQueue": ["another"]})
    job_id = laptop.submit("print('hello')", job_name="abc--normalize-1")
    job = laptop.wait(job_id)
    events = ours.received(5)
    assert [e["detail"]["status"] for e in events] == [
        "PENDING",
        "RUNNABLE",
        "STARTING",
        "RUNNING",
        "SUCCEEDED",
    ]
    last = events[-1]
    assert last["detail"] == job
    assert (last["source"], last["detail-type"]) == ("aws.batch", "Batch Job State Change")
    assert (last["version"], last["account"], last["region"]) == ("0", ARNS.account_id, "us-east-1")
    assert last["resources"] == [job["jobArn"]]
    assert set(last) == {
        "version",
        "id",
        "detail-type",
        "source",
        "account",
        "time",
        "region",
        "resources",
        "detail",
    }
    assert ends.received(1) == [last]


def test_an_event_that_no_rule_wants_is_gone(emulator: str, store: Store) -> None:
    announcer = EventAnnouncer(store, client("events", emulator), client("sqs", emulator))
    announcer.start()
    announced(store, announcer, event(1))
    wait_until(lambda: store.first_event() is None, timeout_s=10)
    announcer.stop()


def test_events_wait_for_an_emulator_that_is_away_and_keep_their_order(
    emulator: str, store: Store, rule: Callable[..., Rule]
) -> None:
    nowhere = "http://127.0.0.1:9"
    announcer = EventAnnouncer(store, client("events", nowhere), client("sqs", nowhere))
    announcer.start()
    announced(store, announcer, *(event(number) for number in range(5)))
    announcer.stop()
    queue = rule("away", source=["aws.test"])
    later = EventAnnouncer(store, client("events", emulator), client("sqs", emulator))
    later.start()
    assert [e["detail"]["number"] for e in queue.received(5)] == [0, 1, 2, 3, 4]
    later.stop()


class RefusingSqs:
    """A queue service that refuses the first calls, as a throttled one does."""

    def __init__(self, sqs: Any, refusals: int) -> None:
        self._sqs = sqs
        self.refusals = refusals

    def get_queue_url(self, **parameters: Any) -> Any:
        return self._sqs.get_queue_url(**parameters)

    def send_message(self, **parameters: Any) -> Any:
        if self.refusals:
            self.refusals -= 1
            raise ClientError({"Error": {"Code": "ThrottlingException"}}, "SendMessage")
        return self._sqs.send_message(**parameters)


def test_a_refused_event_is_sent_again_before_its_successor(
    emulator: str, store: Store, rule: Callable[..., Rule]
) -> None:
    queue = rule("refused", source=["aws.test"])
    sqs = RefusingSqs(client("sqs", emulator), refusals=2)
    announcer = EventAnnouncer(store, client("events", emulator), sqs)
    announcer.start()
    announced(store, announcer, event(1), event(2))
    assert [e["detail"]["number"] for e in queue.received(2)] == [1, 2]
    announcer.stop()


def test_an_event_that_is_always_refused_does_not_hold_up_the_rest(
    emulator: str, store: Store, rule: Callable[..., Rule], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("local.compute.events._LONGEST_PAUSE_S", 0.01)
    monkeypatch.setattr("local.compute.events._FIRST_PAUSE_S", 0.01)
    queue = rule("stubborn", source=["aws.test"])
    sqs = RefusingSqs(client("sqs", emulator), refusals=12)
    announcer = EventAnnouncer(store, client("events", emulator), sqs)
    announcer.start()
    announced(store, announcer, event(1), event(2))
    assert [e["detail"]["number"] for e in queue.received(1)] == [2]
    announcer.stop()


def test_a_change_that_is_rolled_back_is_not_announced(store: Store) -> None:
    announcer = EventAnnouncer(store, None, None)

    def fail() -> None:
        with store.transaction():
            announcer.announce(event(1))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert store.first_event() is None
