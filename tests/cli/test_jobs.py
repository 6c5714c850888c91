import json

import pytest
from click.testing import CliRunner

from cli.main import main
from pipeline.model import Status
from tests.cli.world import FakeApi, completed, ended, under_way


def test_status_shows_the_job(runner: CliRunner, api: FakeApi) -> None:
    api.answer("/jobs/trips", (200, completed()))

    done = runner.invoke(main, ["status", "trips"])

    assert done.exit_code == 0
    assert "trips  COMPLETED" in done.stdout
    assert "\x1b" not in done.stdout


def test_status_as_json_is_the_apis_document_to_the_letter(runner: CliRunner, api: FakeApi) -> None:
    document = json.dumps(under_way(Status.QUEUED), indent=3)
    api.answer("/jobs/trips", (200, document))

    done = runner.invoke(main, ["status", "trips", "--json"])

    assert (done.stdout, done.stderr) == (document + "\n", "")


def test_an_unknown_job_is_an_error_and_no_output(runner: CliRunner, api: FakeApi) -> None:
    api.answer("/jobs/nobody", (404, {"detail": "No job has the id 'nobody'."}))

    done = runner.invoke(main, ["status", "nobody", "--json"])

    assert done.exit_code == 1
    assert (done.stdout, done.stderr) == ("", "Error: No job has the id 'nobody'.\n")


def test_status_tells_of_a_failed_job_and_succeeds_unless_it_waits(
    runner: CliRunner, api: FakeApi
) -> None:
    api.answer("/jobs/trips", (200, ended(Status.FAILED)))

    assert runner.invoke(main, ["status", "trips"]).exit_code == 0
    assert runner.invoke(main, ["status", "trips", "--wait"]).exit_code == 1


def test_status_waits_for_a_job_that_is_still_on_its_way(runner: CliRunner, api: FakeApi) -> None:
    api.answer("/jobs/trips", (404, {"detail": "No job"}), (200, completed()))

    done = runner.invoke(main, ["status", "trips", "--wait"])

    assert done.exit_code == 0
    assert "trips  COMPLETED" in done.stdout


def test_jobs_are_listed_in_one_line_each(runner: CliRunner, api: FakeApi) -> None:
    jobs = [completed("a-very-long-id-" + "x" * 40), ended(Status.REJECTED, "other")]
    api.answer("/jobs?limit=20", (200, {"jobs": jobs, "next": "token"}))

    done = runner.invoke(main, ["jobs"])

    lines = [line.split() for line in done.stdout.splitlines()]
    assert lines[0] == ["Job", "Status", "Records", "Took", "Created", "Source"]
    assert lines[1][:3] == ["a-very-long-id-" + "x" * 40, "COMPLETED", "336,776"]
    assert lines[2][:2] == ["other", "REJECTED"]
    assert "--next token" in done.stderr


def test_jobs_are_asked_for_by_status_and_source(runner: CliRunner, api: FakeApi) -> None:
    path = "/jobs?status=FAILED&source=input%2Ftrips.csv&limit=5&next=token"
    api.answer(path, (200, '{"jobs": [], "next": null}'))

    done = runner.invoke(
        main,
        [
            *("jobs", "--status", "failed", "--source", "input/trips.csv"),
            *("--limit", "5", "--next", "token", "--json"),
        ],
    )

    assert done.stdout == '{"jobs": [], "next": null}\n'


def test_no_jobs_is_said_with_the_next_step(runner: CliRunner, api: FakeApi) -> None:
    api.answer("/jobs?limit=20", (200, {"jobs": [], "next": None}))

    assert "bigdata submit FILE" in runner.invoke(main, ["jobs"]).stderr


@pytest.mark.parametrize("arguments", [["--status", "done"], ["--limit", "0"]])
def test_a_filter_that_cannot_be_is_a_usage_error(
    runner: CliRunner, api: FakeApi, arguments: list[str]
) -> None:
    assert runner.invoke(main, ["jobs", *arguments]).exit_code == 2
