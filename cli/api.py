"""The HTTP API as the command line calls it: signed with SigV4 where there are credentials."""

from __future__ import annotations

import json
import os
from typing import Any
from urllib.parse import quote, urlencode

import botocore.session
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import HTTPClientError
from botocore.httpsession import URLLib3Session
from botocore.utils import get_environ_proxies

from cli.errors import ApiError, ApiUnreachable

TIMEOUT_S = 35
"""A little more than API Gateway waits for the function."""


class Api:
    """The API at `url`, without a slash at its end."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._session = botocore.session.Session()
        self._http = URLLib3Session(
            proxies=get_environ_proxies(url),
            timeout=TIMEOUT_S,
            verify=os.environ.get("AWS_CA_BUNDLE") or True,
        )

    def job(self, job_id: str) -> str:
        """The job document as the API sends it. Raises ApiError, its status 404 for no job."""
        return self.get(f"/jobs/{quote(job_id, safe='')}")

    def find_job(self, job_id: str) -> dict[str, Any] | None:
        """The job document, or None when there is no such job."""
        try:
            document: dict[str, Any] = json.loads(self.job(job_id))
        except ApiError as error:
            if error.status == 404:
                return None
            raise
        return document

    def get(self, path: str, **query: str | int | None) -> str:
        """The body of the answer; parameters that are None are left out."""
        given = {name: value for name, value in query.items() if value is not None}
        url = f"{self._url}{path}" + (f"?{urlencode(given, quote_via=quote)}" if given else "")
        request = AWSRequest("GET", url, headers={"Accept": "application/json"})
        credentials, region = self._session.get_credentials(), self._region()
        if credentials and region:
            SigV4Auth(credentials.get_frozen_credentials(), "execute-api", region).add_auth(request)
        try:
            answer = self._http.send(request.prepare())
        except HTTPClientError as error:
            raise ApiUnreachable(
                f"nobody answers at {self._url}: `bigdata up` starts the local cloud; "
                "if API_URL is out of date, set it again with `bigdata env`"
            ) from error
        text: str = answer.content.decode(errors="replace")
        if answer.status_code != 200:
            raise ApiError(answer.status_code, _detail(answer.status_code, text))
        return text

    def _region(self) -> str | None:
        region: str | None = self._session.get_config_variable("region")
        return region


def _detail(status: int, text: str) -> str:
    try:
        problem = json.loads(text)
        said = problem.get("detail") or problem.get("message") or text
    except (ValueError, AttributeError):
        said = text
    if status == 403:
        return f"the API refuses the request ({said}): your credentials need execute-api:Invoke"
    if status == 404:
        return f"{said} (`bigdata jobs` lists those there are)"
    return f"the API answered {status}: {said}"
