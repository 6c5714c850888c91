import json
from pathlib import Path

import pytest

from local import deployment
from local.config import CloudConfig, Home
from local.deployment import QUIET_PERIOD_SECONDS, client, compute_client, write_context

CONFIG = CloudConfig(Home(Path("/nowhere")), 5001, 5002)


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("app.py", "cdk.json", "package-lock.json", "requirements.txt"):
        (tmp_path / name).write_text(name)
    for package in ("handlers", "cli"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").touch()
    monkeypatch.setattr(deployment, "REPOSITORY", tmp_path)
    return tmp_path


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.path.mkdir()
    write_context(home, {"gpu_job_queue": "arn:gpu"})
    return home


@pytest.mark.parametrize("name", ["app.py", "requirements.txt", "handlers/api.py", "handlers/a/b"])
def test_a_change_to_what_is_deployed_is_seen(checkout: Path, home: Home, name: str) -> None:
    before = deployment._digest(home)
    (checkout / name).parent.mkdir(exist_ok=True)
    (checkout / name).write_text("changed")
    assert deployment._digest(home) != before


@pytest.mark.parametrize("name", ["cli/main.py", "README.md", "handlers/__pycache__/api.pyc"])
def test_a_change_to_anything_else_is_not(checkout: Path, home: Home, name: str) -> None:
    before = deployment._digest(home)
    (checkout / name).parent.mkdir(exist_ok=True)
    (checkout / name).write_text("changed")
    assert deployment._digest(home) == before


def test_a_file_that_moves_is_seen(checkout: Path, home: Home) -> None:
    (checkout / "handlers" / "old.py").write_text("code")
    before = deployment._digest(home)
    (checkout / "handlers" / "old.py").rename(checkout / "handlers" / "new.py")
    assert deployment._digest(home) != before


def test_other_compute_targets_are_seen(checkout: Path, home: Home) -> None:
    before = deployment._digest(home)
    write_context(home, {"gpu_job_queue": "arn:other"})
    assert deployment._digest(home) != before


def test_the_context_says_where_to_compute_and_who_may_call(home: Home) -> None:
    context = json.loads(home.context.read_text())
    assert json.loads(context.pop("compute_targets")) == {"gpu_job_queue": "arn:gpu"}
    assert context.pop("quiet_period_seconds") == QUIET_PERIOD_SECONDS
    assert context == {"lambda_build": "local", "api_auth": "none"}


def test_a_folder_rests_for_less_time_than_in_aws() -> None:
    aws = json.loads((deployment.REPOSITORY / "cdk.json").read_text())["context"]
    assert aws["quiet_period_seconds"] > QUIET_PERIOD_SECONDS


def test_clients_reach_the_cloud_whatever_the_shell_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_ENDPOINT_URL_BATCH", "http://127.0.0.1:1")
    assert client(CONFIG, "s3").meta.endpoint_url == "http://127.0.0.1:5001"
    assert compute_client(CONFIG, "batch").meta.endpoint_url == "http://127.0.0.1:5002"
