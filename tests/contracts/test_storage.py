"""An object that is put unless there is one."""

from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

from contracts.layout import S3Uri
from contracts.storage import create_object

PLACE = S3Uri("results", "results/job/manifest.json")


class FailingS3:
    """Answers a put with `error`."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def get_object(self, **_: Any) -> Any:
        raise NotImplementedError

    def put_object(self, **_: Any) -> Any:
        raise self.error


def client_error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": ""}}, "PutObject")


@pytest.mark.parametrize("code", ["PreconditionFailed", "ConditionalRequestConflict"])
def test_an_object_that_is_there_stays(code: str) -> None:
    assert not create_object(PLACE, b"", FailingS3(client_error(code)))


@pytest.mark.parametrize(
    "error",
    [
        client_error("SlowDown"),
        ReadTimeoutError(endpoint_url="https://s3"),
        EndpointConnectionError(endpoint_url="https://s3"),
        ValueError("a bug"),
    ],
)
def test_other_errors_are_passed_on(error: Exception) -> None:
    with pytest.raises(type(error)):
        create_object(PLACE, b"", FailingS3(error))
