"""The HTTP API as the command line calls it: signed with SigV4 where there are credentials."""

from __future__ import annotations

import json
import os
from typing import Any
from urllib.parse import quote, urlencode

import botocore.session
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import BotoCoreError
from botocore.httpsession import URLLib3Session
from botocore.utils import get_environ_proxies

from cli.errors import ApiError, ApiUnreachable, CliError

TIMEOUT_S = 35
"""A little more than API Gateway waits for the function."""

OUT_OF_DATE = "if API_URL is out of date, `bigdata env` prints it anew"


class Api:
    """The API at `url`."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self._session = botocore.session.Session()
        self._http = URLLib3Session(
            proxies=get_environ_proxies(url),
            timeout=TIMEOUT_S,
            verify=os.environ.get("AWS_CA_BUNDLE") or True,
        )

    def job(self, job_id: str) -> str:
        """The job document as the API sends it. Raises ApiError, its status 404 for no job."""
        return self.get(f"/jobs/{quote(job_id, safe='')}")

    def history(self, job_id: str) -> str:
        """The lines of the job's history as the API sends them. Raises ApiError."""
        return self.get(f"/jobs/{quote(job_id, safe='')}/history")

    def quarantine(self, job_id: str, limit: int, next_page: str | None) -> str:
        """A page of the rows that the job has kept aside. Raises ApiError."""
        path = f"/jobs/{quote(job_id, safe='')}/quarantine"
        return self.get(path, limit=limit, next=next_page)

    def cancel(self, job_id: str, reason: str | None) -> str:
        """Have the job ended; the job document. Raises ApiError, its status 409 at its end."""
        body = {"reason": reason} if reason else {}
        return self._send("POST", f"/jobs/{quote(job_id, safe='')}/cancel", json.dumps(body))

    def find_job(self, job_id: str) -> dict[str, Any] | None:
        """The job document, or None when there is no such job."""
        try:
            document: dict[str, Any] = json.loads(self.job(job_id))
        except ApiError as error:
            if error.status == 404:
                return None
            raise
        return document

    def rerun(self, job_id: str, *, whole: bool) -> str:
        """Have the job done again; where the new job is. Raises ApiError."""
        body = json.dumps({"whole": whole})
        return self._send("POST", f"/jobs/{quote(job_id, safe='')}/rerun", body)

    def dead_letters(self, job_id: str | None, kind: str | None) -> str:
        """The messages that were given up. Raises ApiError."""
        return self.get("/dead-letters", job_id=job_id, kind=kind)

    def redrive(self, job_id: str | None, kind: str | None, *, dry_run: bool) -> str:
        """Have messages that were given up delivered again; those. Raises ApiError."""
        choice = {"job_id": job_id, "kind": kind, "dry_run": dry_run}
        return self._send("POST", "/dead-letters/redrive", json.dumps(choice))

    def get(self, path: str, **query: str | int | None) -> str:
        """The body of the answer; parameters that are None are left out."""
        given = {name: value for name, value in query.items() if value is not None}
        return self._send("GET", path + (f"?{urlencode(given, quote_via=quote)}" if given else ""))

    def _send(self, method: str, path: str, body: str | None = None) -> str:
        headers = {"Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        request = AWSRequest(method, f"{self._url}{path}", headers=headers, data=body)
        credentials, region = self._session.get_credentials(), self._region()
        if credentials and region:
            SigV4Auth(credentials.get_frozen_credentials(), "execute-api", region).add_auth(request)
        try:
            answer = self._http.send(request.prepare())
        except BotoCoreError as error:
            raise ApiUnreachable(
                f"nobody answers at {self._url}: `bigdata up` starts the local cloud; {OUT_OF_DATE}"
            ) from error
        text: str = answer.content.decode(errors="replace")
        if answer.status_code not in (200, 202):
            raise _error(answer.status_code, text, self._url)
        if _parsed(text) is None:
            raise ApiUnreachable(f"{self._url} does not answer as the API does: {OUT_OF_DATE}")
        return text

    def _region(self) -> str | None:
        region: str | None = self._session.get_config_variable("region")
        return region


def _error(status: int, text: str, url: str) -> CliError:
    """Our API explains itself in `detail`, API Gateway in `message`."""
    problem = _parsed(text) or {}
    if detail := problem.get("detail"):
        return ApiError(status, detail)
    said = problem.get("message") or text
    if status == 403:
        return ApiError(status, f"the API refuses you ({said}): you need execute-api:Invoke")
    if status == 404:
        return ApiUnreachable(f"there is no API at {url} ({said}): {OUT_OF_DATE}")
    return ApiError(status, f"the API answered {status}: {said}")


def _parsed(text: str) -> dict[str, Any] | None:
    """The JSON object that `text` is, or None when it is something else."""
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
