import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stacks.artifacts import (
    AWS_SERVICES,
    ENGINE_FILES,
    ENGINE_PACKAGES,
    FUNCTION_PACKAGES,
    ROOT,
    SPARK_PACKAGES,
    Artifacts,
    ArtifactsMissing,
    Platform,
    build,
)

LAMBDA_LIMIT = 250 * 1024 * 1024
HANDLERS = ("analyze", "api", "coordinate", "reconcile", "validate_upload")


@pytest.fixture(scope="module")
def local() -> Artifacts:
    """The artefacts for the interpreter that runs the tests, brought up to date."""
    artifacts = Artifacts(Platform.of("local"))
    build(artifacts)
    return artifacts


@pytest.fixture(scope="module")
def unpacked(local: Artifacts, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The two Lambda assets side by side, as `functions` and `layer`."""
    folder = tmp_path_factory.mktemp("unpacked")
    for archive, name in ((local.functions, "functions"), (local.parquet_layer, "layer")):
        with zipfile.ZipFile(archive) as opened:
            opened.extractall(folder / name)
    return folder


def test_results_of_other_code_or_of_another_image_are_not_reused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ENGINE_PACKAGES:
        shutil.copytree(ROOT / name, tmp_path / name)
    for name in ENGINE_FILES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(ROOT / name, tmp_path / name)
    monkeypatch.setattr("stacks.artifacts.ROOT", tmp_path)
    artifacts = Artifacts(Platform.of("local"))
    seen = {artifacts.engines(None)}
    assert artifacts.engines(None) in seen
    seen.add(artifacts.engines("registry/image:v2"))
    for count, name in enumerate((*ENGINE_FILES, "gpu_jobs/scaling/scaler.py"), start=3):
        with (tmp_path / name).open("a") as file:
            file.write("\n# mended\n")
        seen.add(artifacts.engines(None))
        assert len(seen) == count, name


def run_alone(code: str, *path: Path) -> subprocess.CompletedProcess[str]:
    """Run `code` with nothing to import but the standard library and what lies at `path`."""
    environment = {"PYTHONPATH": ":".join(map(str, path)), "AWS_DEFAULT_REGION": "eu-west-1"}
    command = [sys.executable, "-S", "-P", "-c", code]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def imports(names: Iterator[str] | list[str]) -> str:
    return "; ".join(f"import {name}" for name in names)


def test_every_handler_is_imported_from_the_asset_alone(unpacked: Path) -> None:
    code = imports([f"handlers.{name}" for name in HANDLERS if name != "validate_upload"])
    alone = run_alone(code, unpacked / "functions")
    assert alone.returncode == 0, alone.stderr


def test_the_validate_handler_is_imported_from_the_asset_and_its_layer(unpacked: Path) -> None:
    code = imports(["handlers.validate_upload", "pyarrow.parquet", "pyarrow.csv", "pyarrow.json"])
    alone = run_alone(code, unpacked / "functions", unpacked / "layer" / "python")
    assert alone.returncode == 0, alone.stderr


def test_the_tests_above_import_every_handler_there_is(assembly: Any) -> None:
    deployed = {function["Handler"] for function in assembly.of_type("AWS::Lambda::Function")}
    assert {f"handlers.{name}.handler" for name in HANDLERS} == deployed - {"index.handler"}


def test_the_asset_knows_every_aws_service_that_its_code_calls(unpacked: Path) -> None:
    sources = [
        path.read_text()
        for package in {*FUNCTION_PACKAGES, *SPARK_PACKAGES}
        for path in (ROOT / package).rglob("*.py")
    ]
    called = set(re.findall(r"(?:client|resource)\(\s*\"([a-z0-9-]+)\"", "\n".join(sources)))
    assert called <= set(AWS_SERVICES)
    code = f"import boto3; [boto3.client(name) for name in {sorted(called)}]"
    alone = run_alone(code, unpacked / "functions")
    assert alone.returncode == 0, alone.stderr


def test_the_assets_stay_below_the_limit_of_lambda(artifacts: Artifacts) -> None:
    size = sum(
        entry.file_size
        for archive in (artifacts.functions, artifacts.parquet_layer)
        for entry in zipfile.ZipFile(archive).infolist()
    )
    assert size < LAMBDA_LIMIT


def test_the_assets_for_aws_hold_nothing_for_another_python_or_machine(
    artifacts: Artifacts,
) -> None:
    tag = "cpython-" + artifacts.platform.python_version.replace(".", "") + "-x86_64-linux-gnu"
    with tarfile.open(artifacts.spark_packages) as opened:
        names = opened.getnames()
    for archive in (artifacts.functions, artifacts.parquet_layer):
        names += zipfile.ZipFile(archive).namelist()
    extensions = [name for name in names if ".cpython-" in name and name.endswith(".so")]
    assert extensions
    assert all(tag in name for name in extensions)


def test_the_assets_for_both_platforms_hold_the_same_code_of_ours(
    artifacts: Artifacts, local: Artifacts
) -> None:
    def ours(archive: Path, packages: tuple[str, ...]) -> dict[str, int]:
        entries = zipfile.ZipFile(archive).infolist()
        return {e.filename: e.CRC for e in entries if e.filename.split("/")[0] in packages}

    functions = ours(artifacts.functions, FUNCTION_PACKAGES)
    assert {name.split("/")[0] for name in functions} == set(FUNCTION_PACKAGES)
    assert functions == ours(local.functions, FUNCTION_PACKAGES)
    assert ours(artifacts.spark_modules, SPARK_PACKAGES) == ours(
        local.spark_modules, SPARK_PACKAGES
    )


def test_the_packages_of_spark_are_imported_alone(local: Artifacts, tmp_path: Path) -> None:
    with tarfile.open(local.spark_packages) as opened:
        opened.extraction_filter = getattr(tarfile, "data_filter", None)  # Python 3.11.4
        opened.extractall(tmp_path)
    modules = ["numpy", "pyarrow.parquet", "pyarrow.dataset", "pyarrow.compute", "pyarrow.fs"]
    alone = run_alone(imports(modules) + "; import boto3; boto3.client('s3')", tmp_path)
    assert alone.returncode == 0, alone.stderr


@pytest.mark.parametrize(("platform", "command"), [("aws", "make synth"), ("local", "bigdata up")])
def test_what_is_missing_is_named_with_the_command_that_makes_it(
    platform: str, command: str, tmp_path: Path
) -> None:
    artifacts = Artifacts(Platform.of(platform), root=tmp_path)
    with pytest.raises(ArtifactsMissing, match=f"functions.zip.*run `{command}`"):
        artifacts.check()


def test_a_platform_of_another_name_is_refused() -> None:
    with pytest.raises(ValueError, match="aws or local"):
        Platform.of("lambda")
