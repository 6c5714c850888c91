import gzip
import json
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from click.testing import CliRunner

from cli import logs
from cli.main import main
from cli.target import Target
from local.compute.config import StateFolder
from pipeline.model import Status
from tests.cli.world import FakeApi, completed, under_way

ARN = "arn:aws:emr-serverless:us-east-1:123456789012:/applications/app2"


@pytest.fixture
def folder(api: FakeApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StateFolder:
    """The files of a local cloud that is the target."""
    files = StateFolder(tmp_path)
    monkeypatch.setattr(logs, "use_target", lambda: Target(api.url, "ingest", files))
    return files


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_the_local_clouds_logs_are_printed_stage_by_stage(
    runner: CliRunner, api: FakeApi, folder: StateFolder
) -> None:
    api.answer("/jobs/trips", (200, completed()))
    write(folder.batch_log("normalize-id"), "read\nwrote\n")
    write(folder.emr_log("spark-id", "stdout"), "summary\n")
    write(folder.emr_log("spark-id", "stderr"), "INFO SparkContext\n")

    done = runner.invoke(main, ["logs", "trips"])
    of_spark = runner.invoke(main, ["logs", "trips", "--stage", "spark"])

    assert done.stdout == "read\nwrote\nsummary\nINFO SparkContext\n"
    assert "normalize, attempt 1: normalize-id" in done.stderr
    assert of_spark.stdout == "summary\nINFO SparkContext\n"


def test_a_log_that_is_not_there_is_said(
    runner: CliRunner, api: FakeApi, folder: StateFolder
) -> None:
    api.answer("/jobs/trips", (200, completed()))

    assert "normalize-id.log is not there" in runner.invoke(main, ["logs", "trips"]).stdout


def test_a_job_that_has_started_nothing_has_no_logs(
    runner: CliRunner, api: FakeApi, folder: StateFolder
) -> None:
    api.answer("/jobs/trips", (200, under_way(Status.QUEUED)))

    done = runner.invoke(main, ["logs", "trips"])

    assert done.exit_code == 1
    assert "trips is QUEUED and has started no such work" in done.stderr


def test_in_aws_a_batch_jobs_log_streams_are_read_page_by_page() -> None:
    batch, cloudwatch = boto3.client("batch"), boto3.client("logs")
    with Stubber(batch) as batch_stub, Stubber(cloudwatch) as logs_stub:
        container = {
            "logStreamName": "cpu/1",
            "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "ours"}},
        }
        job = {
            "jobName": "trips--normalize-1",
            "jobId": "id",
            "jobQueue": "cpu",
            "status": "SUCCEEDED",
            "startedAt": 1,
            "jobDefinition": "normalize",
            "attempts": [{"container": {"logStreamName": f"cpu/{n}"}} for n in range(2)],
            "container": container,
        }
        batch_stub.add_response("describe_jobs", {"jobs": [job]}, {"jobs": ["id"]})
        for stream in range(2):
            for page, token in enumerate([None, "f/1"]):
                asked = {
                    "logGroupName": "ours",
                    "logStreamName": f"cpu/{stream}",
                    "startFromHead": True,
                } | ({"nextToken": token} if token else {})
                events = [{"message": f"line {stream}{page}"}] if page == 0 else []
                logs_stub.add_response(
                    "get_log_events", {"events": events, "nextForwardToken": "f/1"}, asked
                )

        assert list(logs.batch_lines("id", batch, cloudwatch)) == ["line 00", "line 10"]


def test_in_aws_a_spark_drivers_logs_are_read_where_the_run_says(s3: Any) -> None:
    emr = boto3.client("emr-serverless")
    prefix = "logs/spark/applications/app2/jobs/run/SPARK_DRIVER"
    s3.put_object(Bucket="results", Key=f"{prefix}/stdout.gz", Body=gzip.compress(b"one\ntwo\n"))
    with Stubber(emr) as stub:
        application = {"arn": ARN, "state": "STARTED", "createdAt": 1, "updatedAt": 1}
        application |= {"releaseLabel": "emr-spark-8.0.0", "type": "Spark"}
        stub.add_response(
            "list_applications",
            {"applications": [{"id": "app1", **application}, {"id": "app2", **application}]},
        )
        stub.add_client_error("get_job_run", "ResourceNotFoundException")
        stub.add_response("get_job_run", {"jobRun": spark_run("s3://results/logs/spark/")})

        lines = list(logs.spark_lines("run", emr, s3))

    assert lines[:2] == ["one", "two"]
    assert f"s3://results/{prefix}/stderr.gz is not there" in lines[2]


def spark_run(log_uri: str) -> dict[str, Any]:
    return {
        "applicationId": "app2",
        "jobRunId": "run",
        "arn": f"{ARN}/jobruns/run",
        "createdBy": ARN,
        "createdAt": 1,
        "updatedAt": 1,
        "executionRole": "arn:aws:iam::123456789012:role/x",
        "state": "SUCCESS",
        "stateDetails": "-",
        "releaseLabel": "emr-spark-8.0.0",
        "jobDriver": {"sparkSubmit": {"entryPoint": "s3://b/k"}},
        "configurationOverrides": {
            "monitoringConfiguration": {"s3MonitoringConfiguration": {"logUri": log_uri}}
        },
    }


def test_a_document_without_the_stage_asked_for_is_told(
    runner: CliRunner, api: FakeApi, folder: StateFolder
) -> None:
    document = completed()
    document["stages"] = [s for s in document["stages"] if s["name"] != "spark"]
    api.answer("/jobs/trips", (200, json.dumps(document)))

    assert runner.invoke(main, ["logs", "trips", "--stage", "spark"]).exit_code == 1
