import json
from typing import Any

import pytest

from cli import watch
from cli.api import Api
from cli.errors import ApiError, ApiUnreachable, CliError
from cli.watch import appear, follow, raise_unless_completed, shown
from pipeline.model import Status
from tests.cli.world import FakeApi, completed, ended, under_way

NOT_THERE = (404, {"detail": "No job"})


def test_a_job_is_followed_from_before_it_appears_to_its_end(api: FakeApi) -> None:
    api.answer(
        "/jobs/trips",
        NOT_THERE,
        (200, under_way(Status.VALIDATING)),
        (500, {"detail": "again"}),
        (200, under_way(Status.PROCESSING)),
        (200, completed()),
    )
    seen: list[str] = []

    text = follow(Api(api.url), "trips", lambda document: seen.append(document["status"]))

    assert json.loads(text) == completed()
    assert seen == ["VALIDATING", "PROCESSING", "COMPLETED"]


def test_a_job_that_never_appears_is_given_up(
    api: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "APPEARS_WITHIN_S", 0.05)
    api.answer("/jobs/trips", NOT_THERE)

    for wait in (follow, appear):
        with pytest.raises(ApiError, match="No job"):
            wait(Api(api.url), "trips")


def test_an_api_that_fails_again_and_again_is_given_up(api: FakeApi) -> None:
    api.answer("/jobs/trips", (500, {"detail": "again"}))

    with pytest.raises(ApiError):
        follow(Api(api.url), "trips")

    assert len(api.requests) == watch.FAILURES_IN_A_ROW


def test_a_refusal_is_not_asked_again(api: FakeApi) -> None:
    api.answer("/jobs/trips", (403, {"message": "Forbidden"}))

    with pytest.raises(ApiError, match="execute-api:Invoke"):
        follow(Api(api.url), "trips")

    assert len(api.requests) == 1


def test_a_cloud_that_went_down_is_told() -> None:
    with pytest.raises(ApiUnreachable):
        follow(Api("http://127.0.0.1:9"), "trips")


def test_into_a_pipe_each_change_is_one_plain_line(capsys: pytest.CaptureFixture[str]) -> None:
    with shown("trips") as show:
        for document in (under_way(Status.QUEUED), under_way(Status.QUEUED), completed()):
            show(document)

    said = capsys.readouterr()
    lines = said.err.splitlines()
    assert said.out == ""
    assert [line.split(" s  ")[1] for line in lines] == [
        "QUEUED",
        "COMPLETED (analyze succeeded)",
    ]
    assert "\x1b" not in said.err


@pytest.mark.parametrize("document", [None, under_way(Status.QUEUED), completed()])
def test_on_a_terminal_the_stages_stand_in_a_table(document: dict[str, Any] | None) -> None:
    from rich.console import Console

    view = watch._Stages("trips")
    if document:
        view.show(document)
    console = Console(width=100)

    with console.capture() as capture:
        console.print(view)

    said = capture.get()
    assert all(stage in said for stage in ("trips", "validate", "normalize", "spark", "analyze"))
    assert ("✓" in said) == (document is not None and document["status"] == "COMPLETED")


def test_a_completed_job_is_fine() -> None:
    raise_unless_completed(completed())


@pytest.mark.parametrize("status", [Status.REJECTED, Status.FAILED])
def test_another_end_is_an_error_with_the_jobs_own_reason(status: Status) -> None:
    with pytest.raises(CliError, match=rf"{status}: no_rows \(line 1\): .*add some"):
        raise_unless_completed(ended(status))
