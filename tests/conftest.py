"""What every test needs: no way out of this machine, and the jobs table of the deployed shape.

A machine with a GPU, where there may be neither boto3 nor moto, runs the GPU's tests all the same.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pipeline.store import JobStore

AWS_VARIABLES = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}
INDEXES = {
    "by_created": "kind",
    "by_status": "status",
    "by_source": "source_key",
    "by_content": "content",
}


@pytest.fixture(autouse=True)
def aws_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials that open nothing, and no endpoint of a cloud that happens to run."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in AWS_VARIABLES.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def aws() -> Iterator[None]:
    """AWS as moto has it, for the test's own process."""
    from moto import mock_aws

    with mock_aws():
        yield


@pytest.fixture
def make_jobs_table() -> Callable[[Any], Any]:
    """Makes the jobs table with a boto3 DynamoDB resource.

    `tests/stacks` holds the synthesized table against the same keys.
    """

    def make(dynamodb: Any) -> Any:
        names = ["job_id", "created_at", *INDEXES.values()]
        return dynamodb.create_table(
            TableName="jobs",
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "job_id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": n, "AttributeType": "S"} for n in names],
            GlobalSecondaryIndexes=[
                {
                    "IndexName": index,
                    "KeySchema": [
                        {"AttributeName": key, "KeyType": "HASH"},
                        {"AttributeName": "created_at", "KeyType": "RANGE"},
                    ],
                    "Projection": {"ProjectionType": "ALL"},
                }
                for index, key in INDEXES.items()
            ],
        )

    return make


@pytest.fixture
def store(aws: None, make_jobs_table: Callable[[Any], Any]) -> JobStore:
    """A job store over an empty table."""
    import boto3

    from pipeline.store import JobStore

    return JobStore(make_jobs_table(boto3.resource("dynamodb")))
