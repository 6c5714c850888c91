import re
from pathlib import Path
from typing import Any

import pytest

from cli.errors import CliError
from cli.upload import Part, plan_upload, upload


def write(path: Path, text: str = "x\n1\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_a_file_goes_to_the_input_prefix_under_its_name(tmp_path: Path) -> None:
    file = write(tmp_path / "my trips+1.csv")

    assert plan_upload(file).parts == (Part(file, "input/my trips+1.csv"),)


def test_a_folder_goes_under_a_prefix_of_its_own_and_ends_with_success(tmp_path: Path) -> None:
    folder = tmp_path / "trips"
    first = write(folder / "a.csv")
    second = write(folder / "year=2013" / "b.csv")
    for hidden in ("_SUCCESS", "_metadata", ".DS_Store", "_temporary/c.csv", ".git/d.csv"):
        write(folder / hidden, "")

    plan = plan_upload(folder)

    prefix = plan.trigger.key.removesuffix("_SUCCESS")
    assert re.fullmatch(r"datasets/trips-\d{8}T\d{12}/", prefix)
    assert plan.parts == (
        Part(first, f"{prefix}a.csv"),
        Part(second, f"{prefix}year=2013/b.csv"),
        Part(folder / "_SUCCESS", f"{prefix}_SUCCESS"),
    )
    assert plan.size_bytes == 8


def test_a_folder_without_success_gets_an_empty_one(tmp_path: Path) -> None:
    write(tmp_path / "a.csv")

    assert plan_upload(tmp_path).trigger.file is None


def test_two_uploads_of_a_folder_do_not_mix(tmp_path: Path) -> None:
    write(tmp_path / "a.csv")

    assert plan_upload(tmp_path).trigger.key != plan_upload(tmp_path).trigger.key


def test_nothing_to_upload_is_an_error(tmp_path: Path) -> None:
    write(tmp_path / "empty" / "_SUCCESS")

    with pytest.raises(CliError, match="no data file"):
        plan_upload(tmp_path / "empty")
    with pytest.raises(CliError, match="neither a file nor a folder"):
        plan_upload(tmp_path / "nowhere")


def test_the_metadata_travel_with_the_object_that_starts_the_job(tmp_path: Path, s3: Any) -> None:
    write(tmp_path / "trips" / "a.csv")
    plan = plan_upload(tmp_path / "trips")
    sent: list[int] = []

    version = upload(plan, s3, "ingest", {"group-by": "city"}, sent.append)

    part, success = (s3.head_object(Bucket="ingest", Key=p.key) for p in plan.parts)
    assert part["Metadata"] == {}
    assert success["Metadata"] == {"group-by": "city"}
    assert success["VersionId"] == version
    assert sum(sent) == plan.size_bytes
    assert success["LastModified"] >= part["LastModified"]


def test_a_failed_upload_says_so(tmp_path: Path, s3: Any) -> None:
    plan = plan_upload(write(tmp_path / "a.csv"))

    with pytest.raises(CliError, match=r"upload failed.*NoSuchBucket"):
        upload(plan, s3, "nowhere", {}, lambda _: None)
