import json

from click.testing import CliRunner

from cli.main import main
from pipeline.model import Status
from tests.cli.world import FakeApi, completed, ended, under_way

LINE = {
    "at": "2026-11-23T10:00:00.000Z",
    "subject": "normalize-1",
    "event": "running",
    "detail": "batch-1",
}


def test_cancel_says_why(runner: CliRunner, api: FakeApi) -> None:
    api.answer("/jobs/trips/cancel", (202, under_way(Status.PROCESSING)))

    done = runner.invoke(main, ["cancel", "trips", "--reason", "wrong file"])

    assert (done.exit_code, done.stdout) == (0, "")
    assert [json.loads(body) for body in api.bodies] == [{"reason": "wrong file"}]


def test_cancel_waits_until_the_work_has_stopped(runner: CliRunner, api: FakeApi) -> None:
    api.answer("/jobs/trips/cancel", (202, under_way(Status.PROCESSING)))
    api.answer("/jobs/trips", (200, under_way(Status.PROCESSING)), (200, ended(Status.CANCELLED)))

    done = runner.invoke(main, ["cancel", "trips", "--wait"])

    assert done.exit_code == 0
    assert "CANCELLED" in done.stderr


def test_cancel_tells_when_the_job_was_quicker(runner: CliRunner, api: FakeApi) -> None:
    api.answer("/jobs/trips/cancel", (202, under_way(Status.ANALYZING)))
    api.answer("/jobs/trips", (200, completed()))

    done = runner.invoke(main, ["cancel", "trips", "--wait"])

    assert done.exit_code == 0
    assert "had come to its end before: COMPLETED" in done.stderr


def test_cancel_of_an_ended_job_is_an_error(runner: CliRunner, api: FakeApi) -> None:
    api.answer("/jobs/trips/cancel", (409, {"detail": "Job 'trips' has ended: it is FAILED."}))

    done = runner.invoke(main, ["cancel", "trips"])

    assert (done.exit_code, done.stderr) == (1, "Error: Job 'trips' has ended: it is FAILED.\n")


def test_history_is_a_line_for_each_event(runner: CliRunner, api: FakeApi) -> None:
    api.answer("/jobs/trips/history", (200, {"job_id": "trips", "history": [LINE]}))

    done = runner.invoke(main, ["history", "trips"])

    assert done.exit_code == 0
    told = {**LINE, "at": "2026-11-23 10:00:00"}
    assert all(word in done.stdout for word in told.values())


def test_history_as_json_is_the_apis_answer_to_the_letter(runner: CliRunner, api: FakeApi) -> None:
    document = json.dumps({"job_id": "trips", "history": [LINE]}, indent=3)
    api.answer("/jobs/trips/history", (200, document))

    done = runner.invoke(main, ["history", "trips", "--json"])

    assert done.stdout == document + "\n"


def test_rerun_waits_for_the_new_job(runner: CliRunner, api: FakeApi) -> None:
    api.answer("/jobs/trips/rerun", (202, {"job_id": "trips-rerun-1"}))
    api.answer("/jobs/trips-rerun-1", (200, completed("trips-rerun-1")))

    done = runner.invoke(main, ["rerun", "trips", "--whole", "--wait"])

    assert done.exit_code == 0
    assert "trips-rerun-1  COMPLETED" in done.stdout
    assert json.loads(api.bodies[0]) == {"whole": True}


def test_a_rerun_that_fails_is_a_failure(runner: CliRunner, api: FakeApi) -> None:
    api.answer("/jobs/trips/rerun", (202, {"job_id": "trips-rerun-1"}))
    api.answer("/jobs/trips-rerun-1", (200, ended(Status.FAILED, "trips-rerun-1")))

    assert runner.invoke(main, ["rerun", "trips", "--wait"]).exit_code == 1


ROW = {
    "file": "input/a.csv",
    "line": 7,
    "reason": "expected 2 fields, found 3",
    "text": "a,\x1b[2J,b",
}


def test_quarantine_shows_rows_that_a_terminal_cannot_obey(runner: CliRunner, api: FakeApi) -> None:
    page = {"job_id": "trips", "rows": [ROW], "next": "33"}
    api.answer("/jobs/trips/quarantine?limit=20", (200, page))

    done = runner.invoke(main, ["quarantine", "trips"])

    assert "a,\\x1b[2J,b" in done.stdout
    assert "expected 2 fields, found 3" in done.stdout
    assert "\x1b" not in done.stdout
    assert "--next 33" in done.stderr


def test_quarantine_of_a_clean_job_says_so(runner: CliRunner, api: FakeApi) -> None:
    page = {"job_id": "trips", "rows": [], "next": None}
    api.answer("/jobs/trips/quarantine?limit=20", (200, page))

    assert "has kept no row aside" in runner.invoke(main, ["quarantine", "trips"]).stderr
