import aws_cdk as cdk
import pytest
from aws_cdk import aws_iam as iam
from aws_cdk.assertions import Template

from stacks.permissions import allow, allow_reading


@pytest.fixture(scope="module")
def role() -> iam.Role:
    stack = cdk.Stack(cdk.App(), "Stack")
    return iam.Role(stack, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))


def test_a_wildcard_without_a_reason_is_refused(role: iam.Role) -> None:
    with pytest.raises(ValueError, match=r"say why .*Resource::arn:aws:s3:::bucket/\*"):
        allow(role, ["s3:GetObject"], "arn:aws:s3:::bucket/*")


def test_reading_is_allowed_at_any_version_and_with_listing(role: iam.Role) -> None:
    allow_reading(role, "bucket", "results/*")
    (policy,) = Template.from_stack(cdk.Stack.of(role)).find_resources("AWS::IAM::Policy").values()
    statements = policy["Properties"]["PolicyDocument"]["Statement"]
    assert [statement["Action"] for statement in statements[-2:]] == [
        ["s3:GetObject", "s3:GetObjectVersion"],
        "s3:ListBucket",
    ]
