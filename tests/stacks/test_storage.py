from typing import Any

import boto3
import pytest
from moto import mock_aws

from pipeline.model import Job, Source, Status
from pipeline.store import JobStore


def bucket(assembly: Any, kind: str) -> dict[str, Any]:
    """The properties of the ingest or the results bucket."""
    buckets = assembly.of_type("AWS::S3::Bucket")
    (found,) = (b for b in buckets if f"bigdata-{kind}-" in assembly.text(b["BucketName"]))
    return found


def test_buckets_are_encrypted_and_closed(assembly: Any) -> None:
    buckets = assembly.of_type("AWS::S3::Bucket")
    assert len(buckets) == 2
    for each in buckets:
        assert each["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert set(each["PublicAccessBlockConfiguration"].values()) == {True}


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


def test_uploads_keep_their_versions_until_they_are_old(assembly: Any) -> None:
    ingest = bucket(assembly, "ingest")
    assert ingest["VersioningConfiguration"] == {"Status": "Enabled"}
    rules = ingest["LifecycleConfiguration"]["Rules"]
    expirations = [rule.get("NoncurrentVersionExpiration") for rule in rules]
    assert {"NoncurrentDays": 30} in expirations


def test_no_version_is_left_of_results_that_are_dropped(assembly: Any) -> None:
    assert "VersioningConfiguration" not in bucket(assembly, "results")


def test_abandoned_uploads_go_away(assembly: Any) -> None:
    for each in assembly.of_type("AWS::S3::Bucket"):
        rule = each["LifecycleConfiguration"]["Rules"][0]
        assert rule["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}


@pytest.mark.parametrize("resource_type", ["AWS::S3::Bucket", "AWS::DynamoDB::Table"])
def test_data_outlives_the_stack_unless_its_first_deployment_fails(
    assembly: Any, resource_type: str
) -> None:
    for resource in assembly.resources(resource_type):
        assert resource["DeletionPolicy"] == "RetainExceptOnCreate"
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
