import json
from types import SimpleNamespace
from urllib.parse import quote_plus

import boto3
import pytest
from botocore.exceptions import ClientError

from contracts.codec import to_plain
from handlers.validate_upload import handler
from pipeline import bootstrap
from pipeline.job_events import DatasetValidated
from pipeline.messages import DatasetArriving, parse
from pipeline.model import Status
from pipeline.store import JobStore

CSV = b"city,fare\nBonn,1.5\nUlm,2\n"
UPLOADED_AT = "2026-11-23T22:41:07.123Z"
CONTEXT = SimpleNamespace(
    function_name="validate",
    memory_limit_in_mb=1024,
    invoked_function_arn="arn:aws:lambda:us-east-1:123456789012:function:validate",
    aws_request_id="1",
)
CACHED = (bootstrap.client, bootstrap.job_store, bootstrap.intake)


@pytest.fixture
def cloud(aws, make_jobs_table, monkeypatch):
    """The buckets, the table and the queue, under the names in the environment."""
    for function in CACHED:
        function.cache_clear()
    s3, sqs = boto3.client("s3"), boto3.client("sqs")
    for bucket in ("ingest", "results"):
        s3.create_bucket(Bucket=bucket)
    s3.put_bucket_versioning(Bucket="ingest", VersioningConfiguration={"Status": "Enabled"})
    store = JobStore(make_jobs_table(boto3.resource("dynamodb")))
    queue = sqs.create_queue(QueueName="work")["QueueUrl"]
    settings = {
        "JOBS_TABLE": "jobs",
        "RESULTS_BUCKET": "results",
        "WORK_QUEUE_URL": queue,
        "QUIET_PERIOD_SECONDS": "0",
        "ENGINES": "engines",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    yield SimpleNamespace(s3=s3, sqs=sqs, queue=queue, store=store)
    for function in CACHED:
        function.cache_clear()


def invoke(event):
    handler(json.loads(json.dumps(event)), CONTEXT)


@pytest.fixture
def upload(cloud):
    """Puts an object and gives the record in which S3 tells of it."""

    def upload(key, data=b""):
        version = cloud.s3.put_object(Bucket="ingest", Key=key, Body=data)["VersionId"]
        return {
            "eventSource": "aws:s3",
            "eventName": "ObjectCreated:Put",
            "eventTime": UPLOADED_AT,
            "s3": {
                "bucket": {"name": "ingest"},
                "object": {"key": quote_plus(key), "size": len(data), "versionId": version},
            },
        }

    return upload


def jobs(cloud):
    return {job.source.key: job for job in cloud.store.list().jobs}


def messages(cloud):
    answer = cloud.sqs.receive_message(QueueUrl=cloud.queue, MaxNumberOfMessages=10)
    return [parse(message["Body"]) for message in answer.get("Messages", [])]


def test_an_object_becomes_a_job_that_counts_from_the_time_of_its_event(cloud, upload):
    invoke({"Records": [upload("input/a.csv", CSV)]})

    job = jobs(cloud)["input/a.csv"]
    assert job.status is Status.QUEUED
    assert job.source.uploaded_at == UPLOADED_AT
    assert messages(cloud) == [DatasetValidated(job.job_id)]


@pytest.mark.parametrize(
    "key", ["input/a b+c%20d.csv", "input/Köln/../x.csv", "input/a\nb.csv", "input/" + "x" * 1000]
)
def test_keys_are_taken_out_of_their_encoding(cloud, upload, key):
    invoke({"Records": [upload(key, CSV)]})

    assert jobs(cloud)[key].status is Status.QUEUED


def test_folder_markers_parts_of_folders_and_test_events_start_nothing(cloud, upload):
    invoke({"Records": [upload("input/folder/"), upload("datasets/taxi/part-0.csv", CSV)]})
    invoke({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "ingest"})

    assert jobs(cloud) == {}
    assert messages(cloud) == []


def test_a_folder_is_validated_when_the_coordinator_calls_again(cloud, upload):
    upload("datasets/taxi/part-0.csv", CSV)
    invoke({"Records": [upload("datasets/taxi/_SUCCESS")]})
    (message,) = messages(cloud)
    assert isinstance(message, DatasetArriving)

    invoke({"settle": to_plain(message)})

    job = jobs(cloud)["datasets/taxi/_SUCCESS"]
    assert job.status is Status.QUEUED
    assert messages(cloud) == [DatasetValidated(job.job_id)]


def test_bad_input_does_not_fail_the_invocation(cloud, upload):
    invoke({"Records": [upload("input/empty.csv"), upload("input/good.csv", CSV)]})

    assert jobs(cloud)["input/empty.csv"].status is Status.REJECTED
    assert jobs(cloud)["input/good.csv"].status is Status.QUEUED


def test_what_aws_refuses_fails_the_invocation_after_the_other_records(cloud, upload):
    elsewhere = upload("input/a.csv", CSV)
    elsewhere["s3"]["bucket"]["name"] = "x"

    with pytest.raises(ClientError):
        invoke({"Records": [elsewhere, upload("input/good.csv", CSV)]})
    with pytest.raises(ExceptionGroup) as caught:
        invoke({"Records": [elsewhere, elsewhere]})

    assert caught.group_contains(ClientError)
    assert jobs(cloud)["input/good.csv"].status is Status.QUEUED


def test_the_log_names_job_and_stage(cloud, upload, caplog):
    invoke({"Records": [upload("input/empty.csv")]})

    (line,) = caplog.records
    assert line.job_id == jobs(cloud)["input/empty.csv"].job_id
    assert (line.stage, line.status, line.error) == ("validate", "REJECTED", "empty")
