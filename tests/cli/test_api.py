import json

import pytest

from cli.api import Api
from cli.errors import ApiError, ApiUnreachable
from tests.cli.world import FakeApi


def test_requests_are_signed_for_api_gateway_when_there_are_credentials(api: FakeApi) -> None:
    api.answer("/jobs/a%20b", (200, {"job_id": "a b"}))

    assert json.loads(Api(api.url).job("a b")) == {"job_id": "a b"}

    (_, headers) = api.requests[0]
    assert "/us-east-1/execute-api/aws4_request" in headers["Authorization"]


def test_requests_without_credentials_are_not_signed(
    api: FakeApi, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    empty = tmp_path_factory.mktemp("aws") / "none"
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(empty))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(empty))
    api.answer("/jobs", (200, {}))

    Api(api.url + "/").get("/jobs")

    assert "Authorization" not in api.requests[0][1]


def test_parameters_are_quoted_and_those_that_are_none_left_out(api: FakeApi) -> None:
    api.answer("/jobs?source=input%2Fa%20b%26c.csv", (200, "{}"))

    assert Api(api.url).get("/jobs", source="input/a b&c.csv", status=None) == "{}"


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (400, {"detail": "limit must be a whole number"}, "limit must be a whole number"),
        (403, {"message": "Forbidden"}, "execute-api:Invoke"),
        (500, {"message": "Internal Server Error"}, "500: Internal Server Error"),
        (502, "<html>", "502: <html>"),
        (503, '"Service Unavailable"', '503: "Service Unavailable"'),
        (504, "[1]", "504: "),
    ],
)
def test_an_error_is_told_in_the_apis_words(
    api: FakeApi, status: int, body: object, words: str
) -> None:
    api.answer("/jobs", (status, body))

    with pytest.raises(ApiError, match=words) as caught:
        Api(api.url).get("/jobs")

    assert caught.value.status == status


def test_a_job_that_is_not_there_is_none(api: FakeApi) -> None:
    assert Api(api.url).find_job("nobody") is None


def test_a_url_that_is_out_of_date_is_not_taken_for_a_job_that_is_not_there(api: FakeApi) -> None:
    api.answer("/jobs/trips", (404, {"message": "Not Found"}))

    with pytest.raises(ApiUnreachable, match="API_URL is out of date"):
        Api(api.url).find_job("trips")


@pytest.mark.parametrize("body", ["<html>", '"a page"', "[]", ""])
def test_something_else_at_the_url_is_not_taken_for_the_api(api: FakeApi, body: str) -> None:
    api.answer("/jobs/trips", (200, body))

    with pytest.raises(ApiUnreachable, match=r"does not answer as the API .* out of date"):
        Api(api.url).job("trips")


def test_when_nobody_answers_the_next_step_is_told() -> None:
    with pytest.raises(ApiUnreachable, match="bigdata up"):
        Api("http://127.0.0.1:9").get("/jobs")
