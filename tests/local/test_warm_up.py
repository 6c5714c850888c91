import json

import boto3
import pytest

from local.warm_up import FOLDER_MARKER, FOREIGN_STATE_CHANGE, warm_up
from pipeline.dataset.identity import Upload
from pipeline.messages import parse


def test_what_wakes_the_functions_concerns_no_job() -> None:
    assert not Upload("ingest", FOLDER_MARKER, None).starts_job
    assert parse(json.dumps(FOREIGN_STATE_CHANGE)) is None


@pytest.mark.usefixtures("aws")
def test_the_functions_are_reached_as_an_upload_reaches_them() -> None:
    s3, sqs = boto3.client("s3"), boto3.client("sqs")
    s3.create_bucket(Bucket="ingest")
    queue = sqs.create_queue(QueueName="work")["QueueUrl"]
    warm_up(s3, sqs, {"IngestBucket": "ingest", "WorkQueueUrl": queue})
    (marker,) = s3.list_objects_v2(Bucket="ingest")["Contents"]
    assert marker["Key"].startswith("input/")
    (message,) = sqs.receive_message(QueueUrl=queue)["Messages"]
    assert parse(message["Body"]) is None
