"""The restJson1 wire protocol, led by botocore's service models.

`RestJsonService.answer` takes an HTTP request apart, calls the handler of its operation and puts
the answer together. Times travel as epoch seconds, an error as its code in `x-amzn-errortype` and
its message in the body.
"""

from __future__ import annotations

import json
import logging
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import botocore.session
from botocore.utils import parse_timestamp

from local.compute.errors import AwsError
from local.compute.validation import problems

LOGGER = logging.getLogger(__name__)

Handler = Callable[[dict[str, Any]], dict[str, Any]]
"""Takes the operation's input and returns its output, both in the model's shapes."""

_STATUS = {"MissingAuthenticationTokenException": 403, "UnknownOperationException": 404}


@dataclass(frozen=True)
class Request:
    """An HTTP request; `target` is the path with its query, still percent-encoded."""

    method: str
    target: str
    body: bytes


@dataclass(frozen=True)
class Response:
    """An HTTP response with a JSON body."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Route:
    operation: Any
    path: re.Pattern[str]


class RestJsonService:
    """One AWS service, `name` as botocore knows it, answered by `handlers` (operation: handler).

    `validation_error` and `internal_error` are the service's codes for a malformed request and
    for a fault of the server's own.
    """

    def __init__(
        self,
        name: str,
        handlers: Mapping[str, Handler],
        *,
        validation_error: str,
        internal_error: str,
    ) -> None:
        self._model = botocore.session.Session().get_service_model(name)
        self._handlers = handlers
        self._validation_error = validation_error
        self._internal_error = internal_error
        self._routes = [
            _Route(operation, _path_pattern(operation.http["requestUri"]))
            for operation in map(self._model.operation_model, self._model.operation_names)
        ]

    def answer(self, request: Request) -> Response:
        """The response to `request`; never raises."""
        try:
            operation, in_path = self._route(request)
            handler = self._handlers.get(operation.name)
            if handler is None:
                raise AwsError(
                    "UnknownOperationException",
                    f"{operation.name} is not served by the local compute endpoint",
                )
            output = handler(self._input(operation, in_path, request))
            body = json.dumps(_render(output, operation.output_shape)).encode()
            return Response(operation.http.get("responseCode", 200), body, _request_id())
        except AwsError as error:
            return self._error(error)
        except Exception:
            LOGGER.exception("%s %s failed", request.method, request.target)
            return self._error(AwsError(self._internal_error, "the server failed; see its log"))

    def _route(self, request: Request) -> tuple[Any, dict[str, str]]:
        path = urlsplit(request.target).path
        for route in self._routes:
            match = route.path.fullmatch(path)
            if match and route.operation.http["method"] == request.method:
                return route.operation, {k: unquote(v) for k, v in match.groupdict().items()}
        raise AwsError("UnknownOperationException", f"no operation at {request.method} {path}")

    def _input(
        self, operation: Any, in_path: Mapping[str, str], request: Request
    ) -> dict[str, Any]:
        try:
            parameters = json.loads(request.body) if request.body else {}
            query = parse_qs(urlsplit(request.target).query, keep_blank_values=True)
            for name, shape in operation.input_shape.members.items():
                place = shape.serialization.get("location")
                wire_name = shape.serialization.get("name", name)
                if place == "uri":
                    parameters[name] = in_path[wire_name]
                elif place == "querystring" and wire_name in query:
                    parameters[name] = _from_query(query[wire_name], shape)
        except (TypeError, ValueError) as error:
            raise AwsError(self._validation_error, f"malformed request: {error}") from error
        found = problems(parameters, operation.input_shape)
        if found:
            raise AwsError(self._validation_error, "; ".join(found))
        return dict(parameters)

    def _error(self, error: AwsError) -> Response:
        body = json.dumps({"message": error.message}).encode()
        headers = {"x-amzn-errortype": error.code, **_request_id()}
        return Response(self._status(error.code), body, headers)

    def _status(self, code: str) -> int:
        if code in _STATUS:
            return _STATUS[code]
        status: int = self._model.shape_for(code).metadata["error"]["httpStatusCode"]
        return status


def _path_pattern(template: str) -> re.Pattern[str]:
    """`/applications/{applicationId}` as an expression with one group for each label."""
    parts = re.split(r"\{(\w+)\}", template)
    pattern = "".join(
        f"(?P<{part}>[^/]+)" if index % 2 else re.escape(part) for index, part in enumerate(parts)
    )
    return re.compile(pattern)


def _from_query(values: list[str], shape: Any) -> Any:
    if shape.type_name == "list":
        return values
    if shape.type_name in ("integer", "long"):
        return int(values[0])
    if shape.type_name == "timestamp":
        return parse_timestamp(values[0])
    return values[0]


def _render(value: Any, shape: Any) -> Any:
    """`value` without the members that `shape` does not know or that are None."""
    if shape.type_name == "structure":
        return {
            name: _render(value[name], member)
            for name, member in shape.members.items()
            if value.get(name) is not None
        }
    if shape.type_name == "list":
        return [_render(item, shape.member) for item in value]
    if shape.type_name == "map":
        return {key: _render(item, shape.value) for key, item in value.items()}
    return value


def _request_id() -> dict[str, str]:
    return {"x-amzn-requestid": str(uuid.uuid4())}


def page(
    items: list[Any], parameters: Mapping[str, Any], *, size: int, error_code: str
) -> tuple[list[Any], str | None]:
    """The part of `items` that `maxResults` and `nextToken` ask for, and the next token.

    Raises AwsError of `error_code` when the token is not one of ours.
    """
    token = parameters.get("nextToken", "0")
    if not token.isdecimal():
        raise AwsError(error_code, f"nextToken {token!r} is not valid")
    stop = int(token) + parameters.get("maxResults", size)
    return items[int(token) : stop], str(stop) if stop < len(items) else None
