"""Ranged reads of objects, as S3 answers them.

MiniStack ignores `Range` on a GET that names a version and sends the whole object with status
200, which makes boto3's `download_file` write a corrupt file; on other GETs it reads the whole
object for each range. Here every ranged GET is cut from the whole object, and the last object is
kept for the next range, revalidated by its ETag.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

_RANGE = re.compile(rb"bytes=(\d*)-(\d*)")


@dataclass(frozen=True)
class _Answer:
    status: int
    headers: Headers
    body: bytes

    def header(self, name: bytes) -> bytes | None:
        return next((value for key, value in self.headers if key.lower() == name), None)


@dataclass(frozen=True)
class _Kept:
    target: tuple[bytes, ...]
    etag: bytes
    answer: _Answer


class RangedReads:
    """ASGI middleware in front of MiniStack."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._one_at_a_time = asyncio.Lock()
        self._kept: _Kept | None = None

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        wanted = _wanted_range(scope)
        if wanted is None:
            await self._app(scope, receive, send)
            return
        async with self._one_at_a_time:
            whole = await self._whole(scope, receive)
        answer = _cut(whole, wanted) if _is_object(whole) else whole
        await send(
            {"type": "http.response.start", "status": answer.status, "headers": answer.headers}
        )
        await send({"type": "http.response.body", "body": answer.body})

    async def _whole(self, scope: Message, receive: Receive) -> _Answer:
        target = (_header(scope, b"host"), scope["raw_path"], scope["query_string"])
        headers = [(key, value) for key, value in scope["headers"] if key.lower() != b"range"]
        kept = self._kept if self._kept and self._kept.target == target else None
        if kept:
            headers.append((b"if-none-match", kept.etag))
        self._kept = None
        answer = await self._ask({**scope, "headers": headers}, receive)
        if kept and answer.status == 304:
            answer = kept.answer
        etag = answer.header(b"etag")
        if _is_object(answer) and etag:
            self._kept = _Kept(target, etag, answer)
        return answer

    async def _ask(self, scope: Message, receive: Receive) -> _Answer:
        start: Message = {}
        chunks: list[bytes] = []

        async def collect(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
            else:
                chunks.append(message.get("body", b""))

        await self._app(scope, receive, collect)
        body = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        return _Answer(start["status"], list(start["headers"]), body)


def _header(scope: Message, name: bytes) -> bytes:
    return next((value for key, value in scope["headers"] if key.lower() == name), b"")


def _wanted_range(scope: Message) -> re.Match[bytes] | None:
    """The range of a GET that may be for an object; paths below `/_` are MiniStack's own."""
    if scope["type"] != "http" or scope["method"] != "GET" or scope["path"].startswith("/_"):
        return None
    if _header(scope, b"if-none-match"):
        return None
    wanted = _RANGE.fullmatch(_header(scope, b"range").strip())
    return wanted if wanted and any(wanted.groups()) else None


def _is_object(answer: _Answer) -> bool:
    return answer.status == 200 and answer.header(b"accept-ranges") == b"bytes"


def _cut(whole: _Answer, wanted: re.Match[bytes]) -> _Answer:
    size = len(whole.body)
    first, last = wanted.groups()
    if not first:
        start, end = max(0, size - int(last)), size
    else:
        start, end = int(first), min(size, int(last) + 1 if last else size)
    if start >= end:
        return _unsatisfiable(size)
    body = whole.body[start:end]
    # The whole object's checksum would fail the check of its part.
    headers = [
        (key, value)
        for key, value in whole.headers
        if key.lower() != b"content-length" and not key.lower().startswith(b"x-amz-checksum")
    ]
    headers.append((b"content-length", str(len(body)).encode()))
    headers.append((b"content-range", f"bytes {start}-{end - 1}/{size}".encode()))
    return _Answer(206, headers, body)


def _unsatisfiable(size: int) -> _Answer:
    body = (
        b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>InvalidRange</Code>'
        b"<Message>The requested range is not satisfiable</Message></Error>"
    )
    headers = [
        (b"content-type", b"application/xml"),
        (b"content-length", str(len(body)).encode()),
        (b"content-range", f"bytes */{size}".encode()),
    ]
    return _Answer(416, headers, body)
