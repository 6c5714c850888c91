import tarfile
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from contracts.codec import from_json, to_json
from contracts.spec import SparkSpec
from local.compute.errors import StagingFailed
from local.compute.staging import Staging
from tests.local.compute.laptop import client


@pytest.fixture
def s3(emulator: str) -> Any:
    made = client("s3", emulator)
    made.create_bucket(Bucket="artefacts")
    return made


@pytest.fixture
def staging(s3: Any, tmp_path: Path) -> Staging:
    (tmp_path / "run").mkdir()
    return Staging(s3, tmp_path / "run", tmp_path / "archives")


def spec(*inputs: str) -> SparkSpec:
    return SparkSpec("job", 1, inputs, ("x",), None, True, 3, "s3://results/out/")


def put(s3: Any, key: str, body: bytes) -> str:
    s3.put_object(Bucket="artefacts", Key=key, Body=body)
    return f"s3://artefacts/{key}"


def local(uri: str) -> Path:
    parts = urlsplit(uri)
    assert parts.scheme == "file"
    return Path(unquote(parts.path))


def test_every_uri_in_a_text_becomes_a_path(s3: Any, staging: Staging) -> None:
    first, second = put(s3, "lib/a.zip", b"1"), put(s3, "other/a.zip", b"2")
    text = staging.replace_uris(f"{first},{second},/on/disk")
    one, two, three = text.split(",")
    assert (Path(one).name, Path(two).name, three) == ("a.zip", "a.zip", "/on/disk")
    assert (Path(one).read_bytes(), Path(two).read_bytes()) == (b"1", b"2")


def test_the_copy_of_a_spec_names_local_inputs_and_nothing_else_changes(
    s3: Any, staging: Staging, tmp_path: Path
) -> None:
    inputs = [put(s3, "_hidden/../é b.parquet", b"one"), put(s3, "x/é b.parquet", b"two")]
    uri = put(s3, "spec.json", to_json(spec(*inputs)).encode())
    copy = from_json(SparkSpec, local(staging.spec(uri)).read_bytes())
    paths = [local(name) for name in copy.inputs]
    assert [path.read_bytes() for path in paths] == [b"one", b"two"]
    assert all(path.parent == tmp_path / "run" / "inputs" for path in paths)
    assert all(path.suffix == ".parquet" and path.name[0] not in "_." for path in paths)
    assert copy == spec(*copy.inputs)


def test_an_archive_appears_unpacked_and_is_unpacked_once(
    s3: Any, staging: Staging, tmp_path: Path
) -> None:
    packed = tmp_path / "packages.tar.gz"
    (tmp_path / "module.py").write_text("x = 1")
    with tarfile.open(packed, "w:gz") as archive:
        archive.add(tmp_path / "module.py", "deep/module.py")
    uri = put(s3, "packages.tar.gz", packed.read_bytes())
    staging.archive(uri, "packages")
    unpacked = tmp_path / "run" / "packages"
    assert (unpacked / "deep" / "module.py").read_text() == "x = 1"
    (unpacked / "seen").touch()
    (tmp_path / "second").mkdir()
    Staging(s3, tmp_path / "second", tmp_path / "archives").archive(uri, "again")
    assert (tmp_path / "second" / "again" / "seen").exists()
    assert [path.name for path in (tmp_path / "second").iterdir()] == ["again"]


def test_another_archive_under_the_same_key_is_unpacked_anew(
    s3: Any, staging: Staging, tmp_path: Path
) -> None:
    for name in ("old", "new"):
        (tmp_path / name).touch()
        with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as archive:
            archive.add(tmp_path / name, name)
        staging.archive(put(s3, "a.tar.gz", (tmp_path / "a.tar.gz").read_bytes()), f"is-{name}")
    assert (tmp_path / "run" / "is-new" / "new").exists()


def test_what_is_missing_or_broken_is_named(s3: Any, staging: Staging, tmp_path: Path) -> None:
    with pytest.raises(StagingFailed, match=r"s3://artefacts/none.py"):
        staging.file("s3://artefacts/none.py")
    with pytest.raises(StagingFailed, match=r"s3://artefacts/broken.tar.gz"):
        staging.archive(put(s3, "broken.tar.gz", b"not a tar"), "broken")
    with pytest.raises(StagingFailed, match=r"s3://artefacts/other.json"):
        staging.spec(put(s3, "other.json", b"{}"))
    assert list((tmp_path / "archives").iterdir()) == []
