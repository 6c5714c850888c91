from typing import Any

import boto3
import pytest
from moto import mock_aws

from pipeline.model import Job, Source, Status
from pipeline.store import JobStore


def test_buckets_are_versioned_encrypted_and_closed(assembly: Any) -> None:
    buckets = assembly.of_type("AWS::S3::Bucket")
    assert len(buckets) == 2
    for bucket in buckets:
        assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
        assert bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}


def test_buckets_refuse_requests_without_tls(assembly: Any) -> None:
    policies = assembly.of_type("AWS::S3::BucketPolicy")
    assert len(policies) == 2
    for policy in policies:
        denied = [
            statement["Condition"]
            for statement in policy["PolicyDocument"]["Statement"]
            if statement["Effect"] == "Deny" and statement["Action"] == "s3:*"
        ]
        assert {"Bool": {"aws:SecureTransport": "false"}} in denied


def test_abandoned_uploads_and_old_versions_go_away(assembly: Any) -> None:
    for bucket in assembly.of_type("AWS::S3::Bucket"):
        rule = bucket["LifecycleConfiguration"]["Rules"][0]
        assert rule["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}
        assert rule["NoncurrentVersionExpiration"]


@pytest.mark.parametrize("resource_type", ["AWS::S3::Bucket", "AWS::DynamoDB::Table"])
def test_data_outlives_the_stack(assembly: Any, resource_type: str) -> None:
    for resource in assembly.resources(resource_type):
        assert resource["DeletionPolicy"] == "Retain"
        assert resource["UpdateReplacePolicy"] == "Retain"


def test_the_jobs_table_is_encrypted_and_restorable(assembly: Any) -> None:
    (table,) = assembly.of_type("AWS::DynamoDB::Table")
    assert table["SSESpecification"] == {"SSEEnabled": True}
    assert table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"]
    assert table["BillingMode"] == "PAY_PER_REQUEST"


def test_the_store_saves_and_lists_in_the_table_that_is_deployed(assembly: Any) -> None:
    (table,) = assembly.of_type("AWS::DynamoDB::Table")
    names = ("KeySchema", "AttributeDefinitions", "GlobalSecondaryIndexes", "BillingMode")
    time = "2026-11-23T10:00:00.000Z"
    source = Source("ingest", "input/a.csv", "v1", time)
    with mock_aws():
        database = boto3.resource("dynamodb")
        deployed = {name: table[name] for name in names}
        store = JobStore(database.create_table(TableName="jobs", **deployed))
        saved = store.save(Job("job", Status.QUEUED, source, time, time))
        assert store.get("job") == saved
        assert store.list().jobs == (saved,)
        assert store.list(status=Status.QUEUED).jobs == (saved,)
        assert store.list(source="input/a.csv").jobs == (saved,)
