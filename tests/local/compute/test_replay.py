"""Recorded results, written by a real server's replay into a real emulator's S3."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from contracts.codec import to_json
from contracts.layout import FENCE_NAME, MARKER_NAME, SPEC_NAME, JobLayout, S3Uri
from contracts.marker import Marker, Outcome, OutputFile
from contracts.storage import read_document
from local.compute.replay import Recording
from tests.local.compute.laptop import Laptop, client, wait_until

BUCKET = "replays"
FILES = {"metrics.json": b'{"records": 3}', "normalized/part-00000.parquet": b"PAR1"}
NEVER = "raise SystemExit('it is computed after all')"


@pytest.fixture
def s3(emulator: str) -> Any:
    """With a bucket in which the job `recorded` has left its first attempts."""
    s3 = client("s3", emulator)
    s3.create_bucket(Bucket=BUCKET)
    for stage in ("normalize", "spark"):
        place = JobLayout(BUCKET, "recorded").attempt(stage, 1)
        files = tuple(OutputFile(name, len(body), "") for name, body in FILES.items())
        marker = Marker("recorded", stage, 1, Outcome.SUCCEEDED, "t", "t", files, ("a warning",))
        for name, body in {**FILES, MARKER_NAME: to_json(marker).encode()}.items():
            s3.put_object(Bucket=BUCKET, Key=place.join(name).key, Body=body)
    return s3


@pytest.fixture
def replaying(start: Callable[..., Laptop], s3: Any, emulator: str) -> Laptop:
    laptop = start(emulator_endpoint_url=emulator)
    Recording("load-", BUCKET, "recorded", 0, 0.01).write(laptop.config.folder.recording)
    return laptop


def output(job_id: str, stage: str = "normalize") -> S3Uri:
    return JobLayout(BUCKET, job_id).attempt(stage, 2)


def body(s3: Any, place: S3Uri) -> bytes:
    content: bytes = s3.get_object(Bucket=place.bucket, Key=place.key)["Body"].read()
    return content


def submit(laptop: Laptop, job_id: str) -> str:
    spec = str(output(job_id).join(SPEC_NAME))
    name = f"bigdata-{job_id}--normalize-2"
    return laptop.submit(NEVER, job_name=name, parameters={"spec": spec})


def test_a_batch_job_leaves_what_was_recorded_under_its_own_name(
    replaying: Laptop, s3: Any
) -> None:
    batch_id = submit(replaying, "load-1")
    job = replaying.wait(batch_id)
    assert (job["status"], job["container"]["exitCode"]) == ("SUCCEEDED", 0)
    assert job["createdAt"] <= job["startedAt"] <= job["stoppedAt"]
    place = output("load-1")
    assert {name: body(s3, place.join(name)) for name in FILES} == FILES
    assert body(s3, place.join(FENCE_NAME)).decode() == batch_id
    marker = read_document(Marker, str(place.join(MARKER_NAME)), s3)
    assert (marker.job_id, marker.attempt, marker.warnings) == ("load-1", 2, ("a warning",))


def test_of_two_batch_jobs_of_one_attempt_the_second_does_nothing(
    replaying: Laptop, s3: Any
) -> None:
    first = submit(replaying, "load-2")
    replaying.wait(first)
    s3.delete_object(Bucket=BUCKET, Key=output("load-2").join(MARKER_NAME).key)
    assert replaying.wait(submit(replaying, "load-2"))["status"] == "SUCCEEDED"
    assert body(s3, output("load-2").join(FENCE_NAME)).decode() == first
    listed = s3.list_objects_v2(Bucket=BUCKET, Prefix=output("load-2").key)["Contents"]
    assert MARKER_NAME not in [found["Key"].rpartition("/")[2] for found in listed]


def test_other_jobs_are_computed(replaying: Laptop) -> None:
    job = replaying.wait(submit(replaying, "trips"))
    assert (job["status"], job["container"]["exitCode"]) == ("FAILED", 1)


def test_a_replay_whose_recording_is_gone_fails_the_job(replaying: Laptop) -> None:
    Recording("load-", BUCKET, "nobody", 0, 0.01).write(replaying.config.folder.recording)
    assert replaying.wait(submit(replaying, "load-3"))["status"] == "FAILED"


def test_a_spark_run_goes_through_its_states_and_is_billed(replaying: Laptop, s3: Any) -> None:
    application = replaying.emr.create_application(
        name="a", releaseLabel="emr-7.10.0", type="SPARK", clientToken="replay"
    )["applicationId"]
    spec = str(output("load-4", "spark").join(SPEC_NAME))
    run_id = replaying.emr.start_job_run(
        applicationId=application,
        clientToken="run",
        executionRoleArn="arn:aws:iam::000000000000:role/spark",
        name="bigdata-load-4--spark-2",
        jobDriver={
            "sparkSubmit": {"entryPoint": "s3://none/at/all.py", "entryPointArguments": [spec]}
        },
    )["jobRunId"]

    def run() -> dict[str, Any]:
        answer = replaying.emr.get_job_run(applicationId=application, jobRunId=run_id)
        return dict(answer["jobRun"])

    wait_until(lambda: run()["state"] in ("SUCCESS", "FAILED"), timeout_s=20)
    assert run()["state"] == "SUCCESS"
    assert run()["billedResourceUtilization"]["vCPUHour"] > 0
    marker = json.loads(body(s3, output("load-4", "spark").join(MARKER_NAME)))
    assert (marker["job_id"], marker["stage"]) == ("load-4", "spark")
