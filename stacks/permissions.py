"""Permissions that name every action; CDK's own grants hide some behind wildcards.

A resource that ends in a wildcard is acknowledged to cdk-nag on the line that allows it, with the
reason why it cannot be narrower.
"""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from constructs import IConstruct

_KEYS = "The keys are made when jobs run; the pattern is as narrow as the role's part in them"


def allow(role: iam.Role, actions: list[str], *resources: str, wildcard: str = "") -> None:
    """Let `role` do `actions` on the ARNs `resources`; `wildcard` says why some end in `*`."""
    role.add_to_policy(iam.PolicyStatement(actions=actions, resources=list(resources)))
    for resource in resources:
        arn = _spelled(cdk.Stack.of(role).resolve(resource))
        if "*" in arn:
            acknowledge(role, f"AwsSolutions-IAM5[Resource::{arn}]", wildcard)


def allow_reading(role: iam.Role, bucket_name: str, keys: str) -> None:
    """Let `role` read the objects that match `keys`, at any version.

    Listing comes with it, because without it S3 answers 403 in place of 404.
    """
    actions = ["s3:GetObject", "s3:GetObjectVersion"]
    allow(role, actions, f"{bucket_arn(bucket_name)}/{keys}", wildcard=_KEYS)
    allow(role, ["s3:ListBucket"], bucket_arn(bucket_name))


def allow_writing(role: iam.Role, bucket_name: str, keys: str) -> None:
    """Let `role` write the objects that match `keys`, in parts too."""
    actions = ["s3:PutObject", "s3:AbortMultipartUpload"]
    allow(role, actions, f"{bucket_arn(bucket_name)}/{keys}", wildcard=_KEYS)


def allow_deleting(role: iam.Role, bucket_name: str, keys: str) -> None:
    """Let `role` delete the objects that match `keys`, in a bucket without versions."""
    allow(role, ["s3:DeleteObject"], f"{bucket_arn(bucket_name)}/{keys}", wildcard=_KEYS)


def bucket_arn(name: str) -> str:
    return f"arn:{cdk.Aws.PARTITION}:s3:::{name}"


def acknowledge(construct: IConstruct, rule: str, reason: str) -> None:
    """Tell cdk-nag why `construct`, and what is below it, may break `rule`."""
    if not reason:
        raise ValueError(f"{construct.node.path}: say why {rule} does not apply")
    cdk.Validations.of(construct).acknowledge(cdk.Acknowledgment(id=rule, reason=reason))


def _spelled(arn: Any) -> str:
    """A resolved ARN as cdk-nag spells it in the id of a finding."""
    match arn:
        case str():
            return arn
        case {"Fn::Join": [separator, parts]}:
            return str(separator).join(_spelled(part) for part in parts)
        case {"Ref": name}:
            return f"<{name}>"
        case {"Fn::ImportValue": name}:
            return _spelled(name)
        case {"Fn::GetAtt": [name, attribute]}:
            return f"<{name}.{attribute}>"
        case {"Fn::Sub": text}:
            return str(text)
    raise TypeError(f"no rule to spell {arn!r}")
