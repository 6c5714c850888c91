import json

from click.testing import CliRunner

from cli.main import main
from tests.cli.world import FakeApi

LETTER = {
    "id": "1",
    "kind": "CheckJob",
    "job_id": "trips",
    "reason": "JobNotFound",
    "sent_at": "2026-11-23T10:00:00.000Z",
    "body": "{}",
}


def test_dead_letters_are_listed_with_their_reasons(runner: CliRunner, api: FakeApi) -> None:
    api.answer("/dead-letters?job_id=trips", (200, {"dead_letters": [LETTER]}))

    done = runner.invoke(main, ["dead-letters", "--job", "trips"])

    assert all(LETTER[name] in done.stdout for name in ("kind", "job_id", "reason", "sent_at"))
    assert "1 dead letter in all" in done.stderr


def test_redriving_says_what_it_did(runner: CliRunner, api: FakeApi) -> None:
    api.answer("/dead-letters/redrive", (200, {"dry_run": True, "dead_letters": [LETTER]}))

    done = runner.invoke(main, ["dead-letters", "--kind", "CheckJob", "--redrive", "--dry-run"])

    assert "1 dead letter would be sent again" in done.stderr
    assert json.loads(api.bodies[0]) == {"job_id": None, "kind": "CheckJob", "dry_run": True}


def test_a_dry_run_of_nothing_is_a_mistake(runner: CliRunner, api: FakeApi) -> None:
    assert runner.invoke(main, ["dead-letters", "--dry-run"]).exit_code == 2
