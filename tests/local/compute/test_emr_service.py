import json
import textwrap
import zipfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from contracts.codec import to_json
from contracts.spec import SparkSpec
from tests.local.compute.laptop import Laptop, client, is_alive, wait_until

ROLE = "arn:aws:iam::000000000000:role/spark"
ENDED = ("SUCCESS", "FAILED", "CANCELLED")

SPARK_SCRIPT = """
import json, os, sys
from helper import double
from packaged import NAME
from pathlib import Path
from urllib.parse import unquote, urlsplit
from pyspark import SparkContext

spec = json.loads(Path(unquote(urlsplit(sys.argv[1]).path)).read_text())
context = SparkContext()
lines = context.textFile(",".join(spec["inputs"]))
numbers, shades = zip(*lines.map(lambda n: (double(int(n)), os.environ["SHADE"])).collect())
print(json.dumps({
    "sum": sum(numbers),
    "columns": spec["columns"],
    "package": NAME,
    "colour": os.environ["COLOUR"],
    "executor_shades": shades,
    "master": context.master,
    "ui": context.uiWebUrl,
    "folder": os.getcwd(),
    "heap": context._jvm.java.lang.Runtime.getRuntime().maxMemory(),
    "arguments": sys.argv[2:],
}))
context.stop()
"""
SLEEP = "import os, time; print(os.getpid(), flush=True); time.sleep(120)"


class Spark:
    """An application, a bucket for its scripts, and short ways to run them."""

    def __init__(self, laptop: Laptop, emulator: str) -> None:
        self.laptop = laptop
        self.emr = laptop.emr
        self.s3 = client("s3", emulator)
        self.s3.create_bucket(Bucket="scripts")
        self.application = self.emr.create_application(
            name="test", releaseLabel="emr-spark-8.0.0", type="SPARK"
        )["applicationId"]

    def put(self, key: str, body: str | bytes) -> str:
        self.s3.put_object(Bucket="scripts", Key=key, Body=body)
        return f"s3://scripts/{key}"

    def start(self, script: str, *, token: str | None = None, **members: Any) -> str:
        entry_point = self.put("script.py", script)
        submit = {"entryPoint": entry_point, **members.pop("submit", {})}
        answer = self.emr.start_job_run(
            applicationId=self.application,
            executionRoleArn=ROLE,
            jobDriver={"sparkSubmit": submit},
            **({"clientToken": token} if token else {}),
            **members,
        )
        return str(answer["jobRunId"])

    def run(self, run_id: str) -> dict[str, Any]:
        answer = self.emr.get_job_run(applicationId=self.application, jobRunId=run_id)
        return dict(answer["jobRun"])

    def wait(self, run_id: str, *states: str) -> dict[str, Any]:
        wait_until(lambda: self.run(run_id)["state"] in (states or ENDED), timeout_s=240)
        return self.run(run_id)

    def output(self, run_id: str) -> str:
        path = self.laptop.config.folder.emr_log(run_id, "stdout")
        return path.read_text() if path.exists() else ""


@pytest.fixture
def spark(start: Callable[..., Laptop], emulator: str) -> Spark:
    return Spark(start(emulator_endpoint_url=emulator), emulator)


def refused(call: Callable[..., Any], **parameters: Any) -> tuple[int, str, str]:
    with pytest.raises(ClientError) as raised:
        call(**parameters)
    response = raised.value.response
    status = response["ResponseMetadata"]["HTTPStatusCode"]
    return status, response["Error"]["Code"], response["Error"]["Message"]


def archive(path: Path, **files: str) -> bytes:
    with zipfile.ZipFile(path, "w") as packed:
        for name, text in files.items():
            packed.writestr(f"{name}.py", text)
    return path.read_bytes()


def test_a_spark_run_gets_all_that_it_names_and_reads_local_inputs(
    spark: Spark, tmp_path: Path
) -> None:
    inputs = tuple(spark.put(f"in/_part {i}.txt", f"{i}\n{i}\n") for i in (1, 2))
    spec = SparkSpec("job", 1, inputs, ("x", "y"), None, True, 4, "s3://scripts/out/")
    modules = archive(tmp_path / "m.zip", helper="def double(x): return 2 * x")
    packages = archive(tmp_path / "p.zip", packaged="NAME = 'numbers'")
    run_id = spark.start(
        textwrap.dedent(SPARK_SCRIPT),
        name="abc--spark-1",
        submit={
            "entryPointArguments": [spark.put("spec.json", to_json(spec)), "s3://left/alone"],
            "sparkSubmitParameters": (
                f"--py-files {spark.put('modules.zip', modules)}"
                f" --conf spark.archives={spark.put('packages.zip', packages)}#packages"
                " --conf spark.emr-serverless.driverEnv.PYTHONPATH=./packages"
                " --conf spark.emr-serverless.driverEnv.COLOUR=blue"
                " --conf spark.executorEnv.SHADE=dark"
                " --conf spark.driver.cores=2 --conf spark.driver.memory=14g"
                " --conf spark.executor.instances=1"
            ),
        },
    )
    run = spark.wait(run_id)
    assert run["state"] == "SUCCESS", spark.output(run_id)
    folder = spark.laptop.config.folder
    printed = json.loads(spark.output(run_id))
    assert printed.pop("heap") < 2.1 * 2**30
    assert printed == {
        "sum": 12,
        "columns": ["x", "y"],
        "package": "numbers",
        "colour": "blue",
        "executor_shades": ["dark"] * 4,
        "master": f"local[{spark.laptop.config.spark_cores}]",
        "ui": None,
        "folder": str(folder.scratch(run_id)),
        "arguments": ["s3://left/alone"],
    }
    seconds = run["totalExecutionDurationSeconds"]
    assert 0 < seconds <= (run["endedAt"] - run["startedAt"]).total_seconds() + 1
    assert run["createdAt"] <= run["startedAt"] < run["endedAt"]
    assert run["name"] == "abc--spark-1"
    billed_hours = max(60, seconds) / 3600
    assert run["billedResourceUtilization"]["vCPUHour"] == pytest.approx(6 * billed_hours, rel=0.1)
    wait_until(lambda: not folder.scratch(run_id).exists(), timeout_s=5)


def test_a_script_that_raises_fails_with_its_exception(spark: Spark) -> None:
    run = spark.wait(spark.start("raise KeyError('no such column')"))
    assert run["state"] == "FAILED"
    assert run["stateDetails"].startswith("Job failed, please check complete logs")
    assert "ExitCode: 1. Last few exceptions: KeyError: 'no such column'" in run["stateDetails"]


def test_an_entry_point_that_does_not_exist_fails_the_run(spark: Spark) -> None:
    run = spark.wait(spark.start("", submit={"entryPoint": "s3://scripts/nowhere.py"}))
    assert run["state"] == "FAILED"
    assert "s3://scripts/nowhere.py" in run["stateDetails"]


def test_cancel_kills_the_driver_and_frees_the_place_of_the_next(spark: Spark) -> None:
    running, waiting = spark.start(SLEEP), spark.start(SLEEP)
    spark.wait(running, "RUNNING")
    assert spark.run(waiting)["state"] == "SCHEDULED"
    spark.emr.cancel_job_run(applicationId=spark.application, jobRunId=waiting)
    assert spark.run(waiting)["state"] == "CANCELLED"
    wait_until(lambda: spark.output(running) != "", timeout_s=240)
    spark.emr.cancel_job_run(applicationId=spark.application, jobRunId=running)
    assert spark.run(running)["state"] in ("CANCELLING", "CANCELLED")
    assert spark.wait(running)["state"] == "CANCELLED"
    assert not is_alive(int(spark.output(running)))
    assert spark.output(waiting) == ""
    status, code, _ = refused(
        spark.emr.cancel_job_run, applicationId=spark.application, jobRunId=running
    )
    assert (status, code) == (400, "ValidationException")


def test_a_client_token_starts_one_run(spark: Spark) -> None:
    first = spark.start("print()", token="t-1")
    assert spark.start("print()", token="t-1") == first
    assert spark.start("print()", token="t-2") != first
    listed = spark.emr.list_job_runs(applicationId=spark.application)["jobRuns"]
    assert len(listed) == 2
    entry_point = {"sparkSubmit": {"entryPoint": "s3://scripts/other.py"}}
    status, code, _ = refused(
        spark.emr.start_job_run,
        applicationId=spark.application,
        clientToken="t-1",
        executionRoleArn=ROLE,
        jobDriver=entry_point,
    )
    assert (status, code) == (409, "ConflictException")


def test_runs_are_listed_by_state_the_newest_first(spark: Spark) -> None:
    ids = [spark.start("", submit={"entryPoint": f"s3://scripts/{i}"}) for i in range(3)]
    for run_id in ids:
        spark.wait(run_id)
    failed = spark.emr.list_job_runs(applicationId=spark.application, states=["FAILED"])
    assert [run["id"] for run in failed["jobRuns"]] == ids[::-1]
    assert (
        spark.emr.list_job_runs(applicationId=spark.application, states=["SUCCESS"])["jobRuns"]
        == []
    )
    pages = spark.emr.get_paginator("list_job_runs").paginate(
        applicationId=spark.application, PaginationConfig={"PageSize": 2}
    )
    assert [len(page["jobRuns"]) for page in pages] == [2, 1]
    hour = timedelta(hours=1)
    created = spark.run(ids[0])["createdAt"]
    for times, count in (
        ({"createdAtAfter": created - hour, "createdAtBefore": created + hour}, 3),
        ({"createdAtAfter": created + hour}, 0),
    ):
        answer = spark.emr.list_job_runs(applicationId=spark.application, **times)
        assert len(answer["jobRuns"]) == count


def test_refusals_are_awss_own(spark: Spark) -> None:
    emr = spark.emr
    assert refused(emr.get_application, applicationId="00none") == (
        404,
        "ResourceNotFoundException",
        "Application 00none does not exist",
    )
    assert refused(emr.get_job_run, applicationId=spark.application, jobRunId="00none")[:2] == (
        404,
        "ResourceNotFoundException",
    )
    for members, message in (
        ({"executionTimeoutMinutes": 4}, "RunTimeout must be at least 5 minutes."),
        ({"retryPolicy": {"maxAttempts": 2}}, "retryPolicy is not served"),
    ):
        status, code, text = refused(spark.start, script="", **members)
        assert (status, code) == (400, "ValidationException")
        assert message in text
    submit = {"sparkSubmitParameters": "--master yarn"}
    assert "'--master' is not served" in refused(spark.start, script="", submit=submit)[2]


def test_changes_are_announced_with_the_state_before(
    spark: Spark, emulator: str, tmp_path: Path
) -> None:
    events, sqs = client("events", emulator), client("sqs", emulator)
    url = sqs.create_queue(QueueName="runs")["QueueUrl"]
    pattern = {"source": ["aws.emr-serverless"], "detail": {"applicationId": [spark.application]}}
    events.put_rule(Name="runs", EventPattern=json.dumps(pattern))
    target = {"Id": "q", "Arn": "arn:aws:sqs:us-east-1:000000000000:runs"}
    events.put_targets(Rule="runs", Targets=[target])
    run_id = spark.start("", submit={"entryPoint": "s3://scripts/nowhere.py"})
    run = spark.wait(run_id)
    bodies: list[dict[str, Any]] = []

    def received() -> bool:
        answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)
        bodies.extend(json.loads(message["Body"]) for message in answer.get("Messages", []))
        return len(bodies) >= 4

    wait_until(received, timeout_s=20)
    events.remove_targets(Rule="runs", Ids=["q"])
    events.delete_rule(Name="runs")
    assert [(e["detail"]["previousState"], e["detail"]["state"]) for e in bodies] == [
        ("SUBMITTED", "PENDING"),
        ("PENDING", "SCHEDULED"),
        ("SCHEDULED", "RUNNING"),
        ("RUNNING", "FAILED"),
    ]
    last = bodies[-1]
    assert last["detail-type"] == "EMR Serverless Job Run State Change"
    assert (last["source"], last["resources"]) == ("aws.emr-serverless", [])
    assert set(last["detail"]) == {
        "jobRunId",
        "applicationId",
        "arn",
        "releaseLabel",
        "state",
        "previousState",
        "createdBy",
        "updatedAt",
        "createdAt",
    }
    assert last["detail"]["jobRunId"] == run_id
    assert last["detail"]["updatedAt"] == run["updatedAt"].strftime("%Y-%m-%dT%H:%M:%S.%fZ")
