import hashlib
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from cli.main import main
from contracts.marker import Marker, Outcome, OutputFile
from contracts.storage import write_document
from pipeline.model import Status
from tests.cli.world import FakeApi, at, completed, under_way

ROOT = "results/trips/attempts"


@pytest.fixture
def stored(s3: Any) -> Any:
    """What the attempts of the job `trips` left, and a file that no marker lists."""
    leave(s3, "normalize-1", {"normalized/part-0.parquet": b"rows", "quarantine/bad.jsonl": b"{}"})
    leave(s3, "spark-1", {"summary-dataframe.json": b"{}"})
    s3.put_object(Bucket="results", Key=f"{ROOT}/normalize-1/normalized/part-9.parquet", Body=b"?")
    s3.put_object(Bucket="results", Key="results/trips/report.json", Body=b'{"job_id": "trips"}')
    return s3


def leave(s3: Any, attempt: str, files: dict[str, bytes]) -> None:
    for name, body in files.items():
        s3.put_object(Bucket="results", Key=f"{ROOT}/{attempt}/{name}", Body=body)
    listed = tuple(
        OutputFile(name, len(body), hashlib.sha256(body).hexdigest())
        for name, body in files.items()
    )
    marker = Marker("trips", attempt, 1, Outcome.SUCCEEDED, at(0), at(1), listed)
    write_document(marker, f"s3://results/{ROOT}/{attempt}/_marker.json", s3)


def test_the_files_that_the_markers_list_are_downloaded(
    runner: CliRunner, api: FakeApi, stored: Any, tmp_path: Path
) -> None:
    api.answer("/jobs/trips", (200, completed()))

    done = runner.invoke(main, ["results", "trips", "--to", str(tmp_path / "here")])

    assert done.exit_code == 0, done.output
    found = {
        file.relative_to(tmp_path / "here").as_posix(): file.read_bytes()
        for file in (tmp_path / "here").rglob("*")
        if file.is_file()
    }
    assert found == {
        "normalized/part-0.parquet": b"rows",
        "quarantine/bad.jsonl": b"{}",
        "summaries/summary-dataframe.json": b"{}",
        "report.json": b'{"job_id": "trips"}',
    }
    assert "4 files, 27 B" in done.stdout
    assert "still" not in done.stderr


def test_results_of_a_job_that_is_under_way_are_not_all(
    runner: CliRunner, api: FakeApi, stored: Any, tmp_path: Path
) -> None:
    api.answer("/jobs/trips", (200, {**completed(), "status": "PROCESSING"}))

    done = runner.invoke(main, ["results", "trips", "--to", str(tmp_path / "here")])

    assert done.exit_code == 0, done.output
    assert "the job is still PROCESSING: there is more to come" in done.stderr


def test_results_are_not_laid_among_those_of_another_job(
    runner: CliRunner, api: FakeApi, stored: Any, tmp_path: Path
) -> None:
    api.answer("/jobs/trips", (200, completed()))
    other = tmp_path / "normalized" / "part-7.parquet"
    other.parent.mkdir()
    other.touch()

    done = runner.invoke(main, ["results", "trips", "--to", str(tmp_path)])

    assert done.exit_code == 1
    assert "part-7.parquet" in done.stderr
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [other]
    other.unlink()
    for _ in range(2):
        assert runner.invoke(main, ["results", "trips", "--to", str(tmp_path)]).exit_code == 0


def test_a_place_where_nothing_can_be_written_is_one_line(
    runner: CliRunner, api: FakeApi, stored: Any, tmp_path: Path
) -> None:
    api.answer("/jobs/trips", (200, completed()))
    (tmp_path / "file").touch()

    done = runner.invoke(main, ["results", "trips", "--to", str(tmp_path / "file")])

    assert (done.exit_code, done.stderr.count("\n")) == (1, 1)


def test_a_file_that_is_not_what_was_written_is_an_error(
    runner: CliRunner, api: FakeApi, stored: Any, tmp_path: Path
) -> None:
    api.answer("/jobs/trips", (200, completed()))
    stored.put_object(
        Bucket="results", Key=f"{ROOT}/normalize-1/normalized/part-0.parquet", Body=b"rowz"
    )

    done = runner.invoke(main, ["results", "trips", "--to", str(tmp_path)])

    assert done.exit_code == 1
    assert "normalized/part-0.parquet is not what its stage wrote" in done.stderr


def test_a_job_without_results_is_an_error_with_the_next_step(
    runner: CliRunner, api: FakeApi, s3: Any
) -> None:
    api.answer("/jobs/trips", (200, under_way(Status.QUEUED)))

    done = runner.invoke(main, ["results", "trips"])

    assert done.exit_code == 1
    assert "trips is QUEUED and has no results; `bigdata status trips`" in done.stderr
