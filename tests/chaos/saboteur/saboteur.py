"""The handler of every function in a sabotaged cloud: it counts its calls of AWS, and dies as told.

The real handler runs, over the botocore that it was deployed with. Of each call that is about one
sabotaged job a line is kept in the job's file; a call that the job's plan names meets a mishap,
once. Sabotaged jobs have ids such as `chaos-17`.
"""

import fcntl
import importlib
import json
import os
import re
from pathlib import Path
from typing import Any

from botocore.client import BaseClient
from botocore.exceptions import ClientError, ReadTimeoutError

FOLDER = Path(os.environ["SABOTAGE_FOLDER"])
FUNCTION = os.environ["POWERTOOLS_SERVICE_NAME"]
JOB = re.compile(r"\bchaos-\d+\b")
REFUSALS = {"throttled": ("ThrottlingException", 400), "broken": ("InternalServerError", 500)}
READS = ("Describe", "Get", "Head", "List", "Query")

_call = BaseClient._make_api_call


def _sabotaged(client: Any, operation: str, params: dict[str, Any]) -> Any:
    name = f"{FUNCTION} {client.meta.service_model.service_name}.{operation}"
    told = repr(params)
    if operation.startswith(READS):
        # It changes nothing, so death comes before and after it alike.
        answer = _call(client, operation, params)
        mishap = _mishap(_only_job(told) or _only_job(repr(answer)), name)
        if mishap == "dies":
            os._exit(1)
        if mishap in REFUSALS:
            raise _refusal(mishap, operation)
        return answer
    mishap = _mishap(_only_job(told), name)
    if mishap == "dies before":
        os._exit(1)
    if mishap in REFUSALS:
        raise _refusal(mishap, operation)
    answer = _call(client, operation, params)
    if mishap == "dies after":
        os._exit(1)
    if mishap == "reply lost":
        raise ReadTimeoutError(endpoint_url=client.meta.endpoint_url)
    return answer


def _only_job(text: str) -> str | None:
    jobs = set(JOB.findall(text))
    return jobs.pop() if len(jobs) == 1 else None


def _mishap(job_id: str | None, name: str) -> str | None:
    """Note the call; what is to happen to it."""
    if job_id is None:
        return None
    with (FOLDER / f"{job_id}.calls").open("a+") as calls:
        fcntl.flock(calls, fcntl.LOCK_EX)
        calls.write(f"{name}\n")
        calls.seek(0)
        number = calls.read().splitlines().count(name)
        place = FOLDER / f"{job_id}.plan"
        if not place.exists():
            return None
        plan = json.loads(place.read_text())
        if (plan["call"], plan["number"]) != (name, number):
            return None
        place.rename(place.with_suffix(".done"))
        return str(plan["mishap"])


def _refusal(mishap: str, operation: str) -> ClientError:
    code, status = REFUSALS[mishap]
    error: Any = {
        "Error": {"Code": code, "Message": mishap},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(error, operation)


BaseClient._make_api_call = _sabotaged

handler = importlib.import_module(f"handlers.{FUNCTION}").handler
