"""Permissions that name every action; CDK's own grants hide some behind wildcards."""

from __future__ import annotations

from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3


def allow(grantee: iam.IGrantable, actions: list[str], *resources: str) -> None:
    """Let `grantee` do `actions` on the ARNs `resources`."""
    iam.Grant.add_to_principal(grantee=grantee, actions=actions, resource_arns=list(resources))


def allow_reading(grantee: iam.IGrantable, bucket: s3.IBucket, keys: str) -> None:
    """Let `grantee` read the objects that match `keys`, at any version.

    Listing comes with it, because without it S3 answers 403 in place of 404.
    """
    objects = bucket.arn_for_objects(keys)
    allow(grantee, ["s3:GetObject", "s3:GetObjectVersion"], objects)
    allow(grantee, ["s3:ListBucket"], bucket.bucket_arn)


def allow_writing(grantee: iam.IGrantable, bucket: s3.IBucket, keys: str) -> None:
    """Let `grantee` write the objects that match `keys`, in parts too."""
    allow(grantee, ["s3:PutObject", "s3:AbortMultipartUpload"], bucket.arn_for_objects(keys))


def allow_querying(grantee: iam.IGrantable, table: dynamodb.ITable, *indexes: str) -> None:
    """Let `grantee` query the named indexes of `table`, not the table itself."""
    allow(grantee, ["dynamodb:Query"], *(f"{table.table_arn}/index/{name}" for name in indexes))
