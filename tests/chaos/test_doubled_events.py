"""Every event and message twice, and in another order than it was sent in."""

import json
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.chaos.sabotage import Sabotage, variables

LONGEST_DELAY_S = 4
ROWS = [f"{n},{n * n % 17},{'north' if n % 3 else 'south'}" for n in range(3_000)]
DATASETS = {
    "input/{}.csv": ["id,value,place", *ROWS],
    "input/{}-quarantine.csv": ["id,value,place", *ROWS, "too,many,cells,here", *ROWS],
    "input/{}-rejected.csv": ["id,value,place"],
    "input/{}.jsonl": [json.dumps({"id": n, "value": n % 7}) for n in range(500)],
}
TIMES = {
    *("started_at", "finished_at", "created_at", "updated_at", "uploaded_at", "duration_s"),
    *(
        "processing_time",
        "overhead_s",
        "seconds",
        "records_per_s",
        "startup_seconds",
        "cost",
        "spent_usd",
    ),
    *("warm_up_seconds", "runs_s", "median_s", "min_s", "max_s", "speedup", "ci95", "verdict"),
    # What only an id, a version or the order of a sum makes different.
    *("external_id", "version_id", "largest_difference", "largest_deviation", "duplicate_events"),
}


def test_the_documents_are_those_of_a_quiet_run(sabotage: Sabotage) -> None:
    quiet = {key.format("quiet"): job_id(key, "quiet") for key in DATASETS}
    for key, lines in DATASETS.items():
        put(sabotage, key, lines, "quiet")
    before = sabotage.ended(quiet.values())
    with doubled(sabotage) as counts:
        events = [put(sabotage, key, lines, "twice") for key, lines in DATASETS.items()]
        for event in random.sample(events, len(events)):
            time.sleep(random.random())
            sabotage.invoke("validate_upload", {"Records": [event]})
        after = sabotage.ended([job_id(key, "twice") for key in DATASETS])
        time.sleep(LONGEST_DELAY_S)
    print(f"\n{counts[0]} messages, each delivered twice")
    assert counts[0] > 3 * len(DATASETS)
    statuses = {document["status"] for document in after.values()}
    assert statuses == {"COMPLETED", "REJECTED"}
    for key in DATASETS:
        one, other = whole(sabotage, job_id(key, "quiet")), whole(sabotage, job_id(key, "twice"))
        assert timeless(one, "quiet") == timeless(other, "twice")
        assert (one["duplicate_events"], other["duplicate_events"]) == (0, 1)
    assert before.keys() == set(quiet.values())
    work = sabotage.work()
    assert all(times == 1 and name.endswith("-1") for name, times in work.items())


def job_id(key: str, run: str) -> str:
    return key.format(f"doubled-{run}").removeprefix("input/").replace(".", "-")


def put(sabotage: Sabotage, key: str, lines: list[str], run: str) -> dict[str, Any]:
    body = "\n".join([*lines, ""]).encode()
    return sabotage.put(key.format(f"doubled-{run}"), body, job_id(key, run))


def whole(sabotage: Sabotage, job_id: str) -> dict[str, Any]:
    status, document = sabotage.shell.get(f"/jobs/{job_id}")
    assert status == 200
    return document


def timeless(document: dict[str, Any], run: str) -> Any:
    """The document without times, and without the name of the run."""
    return without(json.loads(json.dumps(document).replace(f"doubled-{run}", "doubled")))


def without(value: Any) -> Any:
    match value:
        case dict():
            return {name: without(part) for name, part in value.items() if name not in TIMES}
        case list():
            return [without(part) for part in value]
    return value


@contextmanager
def doubled(sabotage: Sabotage) -> Iterator[list[int]]:
    """Whatever is sent to the work queue comes to it twice, after delays; how much that was."""
    sqs, functions, events = map(sabotage.client, ("sqs", "lambda", "events"))
    work = sabotage.shell.environment["WORK_QUEUE_URL"]
    relay = sqs.create_queue(QueueName="relay")["QueueUrl"]
    arns = {url: arn(sqs, url) for url in (work, relay)}

    def lead_to(url: str, instead_of: str) -> None:
        for function in functions.list_functions()["Functions"]:
            given = variables(function)
            if given.get("WORK_QUEUE_URL") == instead_of:
                functions.update_function_configuration(
                    FunctionName=function["FunctionName"],
                    Environment={"Variables": {**given, "WORK_QUEUE_URL": url}},
                )
        for rule in events.list_rules()["Rules"]:
            for target in events.list_targets_by_rule(Rule=rule["Name"])["Targets"]:
                if target["Arn"] == arns[instead_of]:
                    events.put_targets(Rule=rule["Name"], Targets=[{**target, "Arn": arns[url]}])

    counts, done = [0], threading.Event()

    def carry() -> None:
        while not done.is_set():
            answer = sqs.receive_message(QueueUrl=relay, MaxNumberOfMessages=10, WaitTimeSeconds=1)
            for message in answer.get("Messages", []):
                for _ in range(2):
                    delay = random.randint(0, LONGEST_DELAY_S)
                    sqs.send_message(QueueUrl=work, MessageBody=message["Body"], DelaySeconds=delay)
                sqs.delete_message(QueueUrl=relay, ReceiptHandle=message["ReceiptHandle"])
                counts[0] += 1

    carrier = threading.Thread(target=carry)
    lead_to(relay, work)
    carrier.start()
    try:
        yield counts
    finally:
        lead_to(work, relay)
        done.set()
        carrier.join()


def arn(sqs: Any, url: str) -> str:
    answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    return str(answer["Attributes"]["QueueArn"])
