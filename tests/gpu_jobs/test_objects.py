from __future__ import annotations

import io

import pytest

pytest.importorskip("botocore")

from botocore.exceptions import (
    ClientError,
    IncompleteReadError,
    ReadTimeoutError,
    ResponseStreamingError,
)

from contracts.manifest import SourceObject
from gpu_jobs.errors import RejectedError
from gpu_jobs.objects import MAX_BREAKS, ObjectStream

DATA = bytes(range(256)) * 40
SOURCE = SourceObject("input/f", "v1", len(DATA))


class BreakingBody(io.BytesIO):
    """Raises `error` once `healthy` bytes have been read."""

    def __init__(self, data, healthy, error):
        super().__init__(data)
        self.healthy, self.error = healthy, error

    def read(self, amount=None):
        if self.tell() >= self.healthy:
            raise self.error
        return super().read(min(amount or len(DATA), self.healthy - self.tell()))


class BreakingS3:
    """Serves DATA by ranges, breaking each connection after `healthy` bytes."""

    def __init__(self, healthy, error):
        self.healthy, self.error = healthy, error
        self.requests = []

    def get_object(self, **request):
        self.requests.append(request)
        rest = DATA[int(request.get("Range", "bytes=0-")[6:-1]) :]
        return {"ContentLength": len(rest), "Body": BreakingBody(rest, self.healthy, self.error)}


class RefusingS3:
    """Answers with the error `code`."""

    def __init__(self, code):
        self.code = code

    def get_object(self, **_):
        raise ClientError({"Error": {"Code": self.code}}, "GetObject")


ERRORS = [
    ReadTimeoutError(endpoint_url="http://s3"),
    ResponseStreamingError(error="reset"),
    IncompleteReadError(actual_bytes=1, expected_bytes=2),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_a_broken_connection_is_resumed_where_it_broke_at_the_same_version(error):
    s3 = BreakingS3(3000, error)
    stream = ObjectStream(s3, "ingest", SOURCE)
    assert b"".join(iter(lambda: stream.read(1000), b"")) == DATA
    assert [request.get("Range") for request in s3.requests[:3]] == [
        None,
        "bytes=3000-",
        "bytes=6000-",
    ]
    assert {request["VersionId"] for request in s3.requests} == {"v1"}


def test_a_connection_that_breaks_at_once_again_and_again_is_given_up():
    s3 = BreakingS3(0, ERRORS[0])
    with pytest.raises(ReadTimeoutError):
        ObjectStream(s3, "ingest", SOURCE).read(10)
    assert len(s3.requests) == 1 + MAX_BREAKS


@pytest.mark.parametrize("code", ["NoSuchKey", "NoSuchVersion", "MethodNotAllowed"])
def test_what_is_no_longer_there_is_gone(code):
    with pytest.raises(RejectedError) as rejected:
        ObjectStream(RefusingS3(code), "ingest", SOURCE)
    assert (rejected.value.problem.code, rejected.value.problem.where) == ("gone", "input/f")


@pytest.mark.parametrize(
    ("code", "remedy"), [("InvalidObjectState", "Restore it"), ("AccessDenied", "kms:Decrypt")]
)
def test_what_s3_does_not_give_out_is_unreadable_and_the_owner_is_told_what_to_do(code, remedy):
    with pytest.raises(RejectedError) as rejected:
        ObjectStream(RefusingS3(code), "ingest", SOURCE)
    problem = rejected.value.problem
    assert (problem.code, problem.where) == ("unreadable", "input/f")
    assert remedy in problem.message


def test_other_refusals_are_ours_to_solve():
    with pytest.raises(ClientError, match="InternalError"):
        ObjectStream(RefusingS3("InternalError"), "ingest", SOURCE)
