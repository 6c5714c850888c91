"""Errors over HTTP: RFC 9457 problem details, which say nothing of our insides."""

from __future__ import annotations

import json
from http import HTTPStatus

from aws_lambda_powertools.event_handler import Response

CONTENT_TYPE = "application/problem+json"


class HttpProblem(Exception):
    """The request cannot be answered; `detail` tells the caller why and what to do next."""

    def __init__(
        self, status: HTTPStatus, detail: str, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers or {}

    def response(self, path: str) -> Response[str]:
        """The problem as the answer to a request for `path`."""
        body = {
            "type": "about:blank",
            "title": self.status.phrase,
            "status": self.status.value,
            "detail": self.detail,
            "instance": path,
        }
        headers: dict[str, str | list[str]] = {**self.headers}
        return Response(self.status.value, CONTENT_TYPE, json.dumps(body), headers)


def bad_request(detail: str) -> HttpProblem:
    """The caller's mistake."""
    return HttpProblem(HTTPStatus.BAD_REQUEST, detail)
