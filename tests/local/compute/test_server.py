import http.client
import json
import time
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

from tests.local.compute.laptop import REGION, Laptop

SIGNED = f"AWS4-HMAC-SHA256 Credential=test/20260101/{REGION}/{{}}/aws4_request, SignedHeaders=host"


def call(
    laptop: Laptop, method: str, path: str, body: Any = None, **headers: str
) -> tuple[int, str | None, dict[str, Any]]:
    """The status, the error type and the body of a request that is not boto3's."""
    connection = http.client.HTTPConnection(urlsplit(laptop.server.url).netloc, timeout=5)
    content = body if isinstance(body, bytes) else json.dumps(body or {}).encode()
    connection.request(method, path, content, headers)
    response = connection.getresponse()
    answer = json.loads(response.read())
    connection.close()
    return response.status, response.headers.get("x-amzn-errortype"), answer


def batch(**headers: str) -> dict[str, str]:
    return {"Authorization": SIGNED.format("batch"), **headers}


def test_a_signed_request_is_served(laptop: Laptop) -> None:
    status, error, answer = call(laptop, "POST", "/v1/describejobs", {"jobs": []}, **batch())
    assert (status, error, answer) == (200, None, {"jobs": []})


def test_a_web_page_cannot_start_jobs(laptop: Laptop) -> None:
    path = "/v1/submitjob"
    unsigned = call(laptop, "POST", path)
    rebound = call(laptop, "POST", path, **batch(Host="evil.example:80"))
    assert unsigned[:2] == rebound[:2] == (403, "MissingAuthenticationTokenException")


def test_an_operation_that_does_not_exist_is_unknown(laptop: Laptop) -> None:
    status, error, _ = call(laptop, "POST", "/v1/nosuchthing", **batch())
    assert (status, error) == (404, "UnknownOperationException")


def test_an_operation_that_is_not_served_says_so(laptop: Laptop) -> None:
    with pytest.raises(ClientError, match="GetJobQueueSnapshot is not served") as raised:
        laptop.batch.get_job_queue_snapshot(jobQueue="q")
    assert raised.value.response["Error"]["Code"] == "UnknownOperationException"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"jobName": "n", "jobQueue": "q"}, 'Missing required parameter in input: "jobDefinition"'),
        (
            {"jobName": 1, "jobQueue": "q", "jobDefinition": "d"},
            "Invalid type for parameter jobName",
        ),
        (b"{not json", "malformed request"),
        (b"[1]", "Invalid type for parameter input"),
    ],
)
def test_a_malformed_request_is_refused_by_the_service_model(
    laptop: Laptop, body: Any, message: str
) -> None:
    status, error, answer = call(laptop, "POST", "/v1/submitjob", body, **batch())
    assert (status, error) == (400, "ClientException")
    assert message in answer["message"]


def test_enums_and_patterns_are_checked_too(laptop: Laptop) -> None:
    with pytest.raises(ClientError, match="jobStatus: 'DANCING' is not one of"):
        laptop.batch.list_jobs(jobQueue="q", jobStatus="DANCING")
    with pytest.raises(ClientError, match="clientToken: 'no spaces' does not match"):
        laptop.emr.create_application(
            releaseLabel="emr-spark-8.0.0", type="SPARK", clientToken="no spaces"
        )


def test_a_call_takes_milliseconds(laptop: Laptop) -> None:
    """With unbuffered answers each call would wait for a delayed ACK, 40 ms."""
    laptop.batch.describe_job_queues()
    began = time.perf_counter()
    for _ in range(20):
        laptop.batch.describe_job_queues()
    assert (time.perf_counter() - began) / 20 < 0.03
