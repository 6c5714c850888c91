import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from cli.main import main
from pipeline.dataset.identity import Upload, default_id
from pipeline.dataset.options import parse_options
from pipeline.model import Status
from tests.cli.world import FakeApi, completed, ended, under_way


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "trips.csv"
    path.write_text("city,fare\na,1\n")
    return str(path)


def test_a_file_is_uploaded_with_its_options_and_the_job_is_named(
    runner: CliRunner, api: FakeApi, s3: Any, file: str
) -> None:
    done = runner.invoke(
        main,
        [
            *("submit", file, "--columns", 'fare,"a, b",größe', "--exclude", "id"),
            *("--group-by", "city", "--no-gpu", "--no-compare", "--dtype", "float32"),
        ],
    )

    assert done.exit_code == 0, done.output
    stored = s3.head_object(Bucket="ingest", Key="input/trips.csv")
    options = parse_options(stored["Metadata"])
    assert options.columns == ("fare", "a, b", "größe")
    assert options.exclude == ("id",)
    assert (options.group_by, options.dtype) == ("city", "float32")
    assert not options.gpu_enabled and not options.compare_pipelines
    expected = default_id(Upload("ingest", "input/trips.csv", stored["VersionId"]))
    assert f"bigdata status {expected}" in done.stdout


def test_wait_shows_the_progress_and_then_the_job(
    runner: CliRunner, api: FakeApi, s3: Any, file: str
) -> None:
    api.answer(
        "/jobs/mine",
        (404, {"detail": "No job"}),
        (404, {"detail": "No job"}),
        (200, under_way(Status.PROCESSING, "mine")),
        (200, completed("mine")),
    )

    done = runner.invoke(main, ["submit", file, "--job-id", "mine", "--wait"])

    assert done.exit_code == 0, done.output
    assert "PROCESSING" in done.stderr
    assert "mine  COMPLETED" in done.stdout
    assert "336,776 records" in done.stdout
    assert s3.head_object(Bucket="ingest", Key="input/trips.csv")["Metadata"] == {"job-id": "mine"}


@pytest.mark.parametrize("wait", [[], ["--wait"]])
def test_json_is_the_apis_document_and_nothing_else(
    runner: CliRunner, api: FakeApi, s3: Any, file: str, wait: list[str]
) -> None:
    document = json.dumps(completed("mine"), indent=3)
    api.answer("/jobs/mine", (404, {"detail": "No job"}), (200, document))

    done = runner.invoke(main, ["submit", file, "--job-id", "mine", "--json", *wait])

    assert done.exit_code == 0, done.output
    assert done.stdout == document + "\n"


@pytest.mark.parametrize("status", [Status.REJECTED, Status.FAILED])
def test_a_job_that_ends_badly_is_an_exit_code_and_a_reason(
    runner: CliRunner, api: FakeApi, s3: Any, file: str, status: Status
) -> None:
    api.answer("/jobs/mine", (404, {"detail": "No job"}), (200, ended(status, "mine")))

    done = runner.invoke(main, ["submit", file, "--job-id", "mine", "--wait", "--json"])

    assert done.exit_code == 1
    assert json.loads(done.stdout)["status"] == status
    assert f"mine is {status}: no_rows" in done.stderr


def test_a_taken_job_id_uploads_nothing(
    runner: CliRunner, api: FakeApi, s3: Any, file: str
) -> None:
    api.answer("/jobs/mine", (200, completed("mine")))

    done = runner.invoke(main, ["submit", file, "--job-id", "mine"])

    assert done.exit_code == 1
    assert "exists already, over s3://ingest/input/trips.csv" in done.stderr
    assert "Contents" not in s3.list_objects_v2(Bucket="ingest")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--job-id", "Mine!"], "a-z, 0-9 and '-'"),
        (["--columns", ",".join(f"column{n}" for n in range(500))], "2048"),
    ],
)
def test_options_that_cannot_be_are_refused_before_anything_is_uploaded(
    runner: CliRunner, api: FakeApi, s3: Any, file: str, arguments: list[str], words: str
) -> None:
    done = runner.invoke(main, ["submit", file, *arguments])

    assert done.exit_code == 1
    assert words in done.stderr
    assert "Contents" not in s3.list_objects_v2(Bucket="ingest")


def test_a_missing_file_is_one_clear_line(runner: CliRunner, api: FakeApi) -> None:
    done = runner.invoke(main, ["submit", "nowhere.csv"])

    assert done.exit_code == 1
    assert done.stderr == "Error: nowhere.csv is neither a file nor a folder\n"


def test_without_a_cloud_the_next_step_is_told(runner: CliRunner, file: str) -> None:
    done = runner.invoke(main, ["submit", file])

    assert done.exit_code == 1
    assert "bigdata up" in done.stderr
