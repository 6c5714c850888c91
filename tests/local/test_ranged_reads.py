import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest

from local.ranged_reads import RangedReads

BODY = b"0123456789"


@dataclass
class WholeObjects:
    """Answers as MiniStack does a GET that names a version: whatever the range, all of it."""

    body: bytes = BODY
    etag: bytes = b'"one"'
    requests: list[dict[bytes, bytes]] = field(default_factory=list)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        headers = dict(scope["headers"])
        self.requests.append(headers)
        fresh = headers.get(b"if-none-match") == self.etag
        answer = [
            (b"ETag", self.etag),
            (b"Accept-Ranges", b"bytes"),
            (b"x-amz-version-id", b"v1"),
            (b"x-amz-checksum-crc32", b"AAAA"),
            (b"Content-Length", str(len(self.body)).encode()),
        ]
        start = {"type": "http.response.start", "status": 304 if fresh else 200}
        await send({**start, "headers": answer})
        await send({"type": "http.response.body", "body": b"" if fresh else self.body})


@dataclass
class Reply:
    status: int = 0
    headers: dict[bytes, bytes] = field(default_factory=dict)
    body: bytes = b""


def get(app: Any, wanted: bytes | None, path: str = "/bucket/key", **scope: Any) -> Reply:
    reply = Reply()

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            reply.status = message["status"]
            reply.headers = {name.lower(): value for name, value in message["headers"]}
        else:
            reply.body += message["body"]

    headers = [(b"host", b"127.0.0.1")] + ([(b"range", wanted)] if wanted else [])
    whole = {
        "type": "http",
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"versionId=v1",
        "headers": headers,
        **scope,
    }
    asyncio.run(app(whole, None, send))
    return reply


@pytest.mark.parametrize(
    ("wanted", "body", "content_range"),
    [
        (b"bytes=0-0", b"0", b"bytes 0-0/10"),
        (b"bytes=2-4", b"234", b"bytes 2-4/10"),
        (b"bytes=7-", b"789", b"bytes 7-9/10"),
        (b"bytes=-3", b"789", b"bytes 7-9/10"),
        (b"bytes=-30", BODY, b"bytes 0-9/10"),
        (b"bytes=8-100", b"89", b"bytes 8-9/10"),
    ],
)
def test_a_range_of_a_version_is_that_range(
    wanted: bytes, body: bytes, content_range: bytes
) -> None:
    reply = get(RangedReads(WholeObjects()), wanted)
    assert (reply.status, reply.body) == (206, body)
    assert reply.headers[b"content-range"] == content_range
    assert reply.headers[b"content-length"] == str(len(body)).encode()
    assert reply.headers[b"x-amz-version-id"] == b"v1"


def test_the_checksum_of_the_whole_is_not_sent_with_a_part() -> None:
    reply = get(RangedReads(WholeObjects()), b"bytes=1-2")
    assert not [name for name in reply.headers if name.startswith(b"x-amz-checksum")]


@pytest.mark.parametrize("wanted", [b"bytes=10-", b"bytes=10-12", b"bytes=-0"])
def test_a_range_beyond_the_end_is_refused_as_s3_refuses_it(wanted: bytes) -> None:
    reply = get(RangedReads(WholeObjects()), wanted)
    assert reply.status == 416
    assert b"<Code>InvalidRange</Code>" in reply.body
    assert reply.headers[b"content-range"] == b"bytes */10"


def test_no_range_of_an_empty_object_can_be_had() -> None:
    assert get(RangedReads(WholeObjects(body=b"")), b"bytes=0-9").status == 416


def test_many_ranges_read_the_object_once() -> None:
    objects = WholeObjects()
    app = RangedReads(objects)
    assert [get(app, b"bytes=%d-%d" % (i, i)).body for i in range(10)] == [
        b"%d" % i for i in range(10)
    ]
    assert [request.get(b"if-none-match") for request in objects.requests] == [None] + [
        b'"one"'
    ] * 9


def test_a_range_of_an_overwritten_object_is_of_the_new_one() -> None:
    objects = WholeObjects()
    app = RangedReads(objects)
    get(app, b"bytes=0-1")
    objects.body, objects.etag = b"abc", b'"two"'
    assert get(app, b"bytes=0-1").body == b"ab"


def test_another_version_of_the_same_length_is_not_mistaken() -> None:
    objects = WholeObjects()
    app = RangedReads(objects)
    get(app, b"bytes=0-1")
    objects.body = b"abcdefghij"
    assert get(app, b"bytes=0-1", query_string=b"versionId=v2").body == b"ab"


@pytest.mark.parametrize("scope", [{"method": "HEAD"}, {"method": "PUT"}, {"type": "lifespan"}])
def test_all_else_passes_through_untouched(scope: dict[str, str]) -> None:
    objects = WholeObjects()
    reply = get(RangedReads(objects), b"bytes=0-1", **scope)
    assert (reply.status, reply.body) == (200, BODY)
    assert b"range" in objects.requests[0]


def test_the_emulators_own_paths_pass_through_untouched() -> None:
    assert get(RangedReads(WholeObjects()), b"bytes=0-1", path="/_aws/execute-api/x").status == 200


def test_a_whole_read_passes_through_untouched() -> None:
    reply = get(RangedReads(WholeObjects()), None)
    assert (reply.status, reply.body) == (200, BODY)
    assert b"x-amz-checksum-crc32" in reply.headers
