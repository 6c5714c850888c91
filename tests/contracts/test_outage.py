import pytest
from botocore.exceptions import (
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    ParamValidationError,
    ReadTimeoutError,
)

from contracts.outage import is_outage


def refused(code: str, status: int) -> ClientError:
    metadata = {"HTTPStatusCode": status}
    return ClientError({"Error": {"Code": code}, "ResponseMetadata": metadata}, "GetObject")  # type: ignore[typeddict-item]


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (refused("InternalError", 500), True),
        (refused("SlowDown", 503), True),
        (refused("ThrottlingException", 400), True),
        (refused("NoSuchKey", 404), False),
        (refused("AccessDenied", 403), False),
        (EndpointConnectionError(endpoint_url="http://s3"), True),
        (ReadTimeoutError(endpoint_url="http://s3"), True),
        (NoCredentialsError(), True),
        (ParamValidationError(report="Bucket is missing"), False),
        (ValueError("a bug"), False),
        (OSError(28, "No space left on device"), False),
    ],
)
def test_only_what_aws_failed_at_is_an_outage(error: Exception, expected: bool) -> None:
    assert is_outage(error) is expected
