"""What is built before `cdk synth`: where it lies and how it is made.

    build/<platform>/functions/            the Lambda functions: our packages and what they import
    build/<platform>/parquet-layer/        a Lambda layer: pyarrow, for the validate function alone
    build/<platform>/spark/modules.zip     our packages for the Spark driver and its executors
    build/<platform>/spark/packages.tar.gz NumPy, pyarrow and boto3 for them (`spark.archives`)

The platform is `aws` (the Python of cdk.json on manylinux x86_64) or `local` (the interpreter that
runs this). Versions come from requirements.txt. Equal sources give equal bytes, so CDK uploads only
what changed; dependencies are installed again only when their versions or the recipe change.

    python -m stacks.artifacts aws|local
"""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.txt"

FUNCTION_PACKAGES = ("actors", "analysis", "contracts", "handlers", "pipeline")
FUNCTION_REQUIREMENTS = ("aws-lambda-powertools", "boto3", "thespian", "zstandard")
LAYER_REQUIREMENTS = ("pyarrow",)
SPARK_PACKAGES = ("contracts", "spark_jobs")
SPARK_REQUIREMENTS = ("boto3", "numpy", "pyarrow")

# Nothing at run time opens these: headers, sources, tests, commands, RPC, and the copies of
# libarrow_python that a wheel holds because it cannot hold links.
_UNUSED = (
    "bin",
    "**/__pycache__",
    "**/tests",
    "**/*.pyi",
    "pyarrow/**/*.pxd",
    "pyarrow/**/*.pxi",
    "pyarrow/**/*.pyx",
    "pyarrow/include",
    "pyarrow/includes",
    "pyarrow/src",
    "pyarrow/*flight*",
    "pyarrow/*_cpp_tests*",
    "pyarrow/libarrow_python*.so",
    "pyarrow/libarrow_python*.so.*.*.*",
)
# The layer reads byte ranges that boto3 fetched, never S3 itself.
_UNUSED_IN_LAYER = ("pyarrow/_s3fs*", "pyarrow/libarrow_s3*")


class ArtifactsMissing(RuntimeError):
    """Something that `cdk synth` points at has not been built."""


@dataclass(frozen=True)
class Platform:
    """Where the artefacts will run. `uv_platform` None is the machine at hand.

    `spark_python` is the interpreter there that Spark starts its Python workers with.
    """

    name: str
    python_version: str
    spark_python: str
    uv_platform: str | None = None

    @classmethod
    def of(cls, name: str) -> Platform:
        """Raises ValueError for a name other than `aws` and `local`."""
        if name == "aws":
            context = json.loads((ROOT / "cdk.json").read_text())["context"]
            version = context["python_version"]
            return cls(name, version, f"/usr/bin/python{version}", "x86_64-manylinux_2_28")
        if name == "local":
            return cls(name, f"{sys.version_info.major}.{sys.version_info.minor}", sys.executable)
        raise ValueError(f"the platform is aws or local, not {name!r}")


@dataclass(frozen=True)
class Artifacts:
    """The places of one platform's artefacts."""

    platform: Platform
    root: Path = ROOT / "build"

    @property
    def directory(self) -> Path:
        return self.root / self.platform.name

    @property
    def functions(self) -> Path:
        return self.directory / "functions"

    @property
    def parquet_layer(self) -> Path:
        return self.directory / "parquet-layer"

    @property
    def spark_modules(self) -> Path:
        return self.directory / "spark" / "modules.zip"

    @property
    def spark_packages(self) -> Path:
        return self.directory / "spark" / "packages.tar.gz"

    def check(self) -> None:
        """Raises ArtifactsMissing, which names what is missing and the command that makes it."""
        places = (self.functions, self.parquet_layer, self.spark_modules, self.spark_packages)
        missing = [str(place) for place in places if not place.exists()]
        if missing:
            command = "make synth" if self.platform.name == "aws" else "bigdata up"
            raise ArtifactsMissing(
                f"{', '.join(missing)} not built: run `{command}`,"
                f" or `python -m stacks.artifacts {self.platform.name}`"
            )


def build(artifacts: Artifacts) -> None:
    """Bring all four artefacts up to date. Raises CalledProcessError when uv fails."""
    _build_functions(artifacts)
    _build_layer(artifacts)
    _build_spark(artifacts)


def _build_functions(artifacts: Artifacts) -> None:
    _install(artifacts.platform, FUNCTION_REQUIREMENTS, _UNUSED, artifacts.functions)
    for package in FUNCTION_PACKAGES:
        target = artifacts.functions / package
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(ROOT / package, target, ignore=shutil.ignore_patterns("__pycache__"))


def _build_layer(artifacts: Artifacts) -> None:
    target = artifacts.parquet_layer / "python"
    _install(artifacts.platform, LAYER_REQUIREMENTS, (*_UNUSED, *_UNUSED_IN_LAYER), target)


def _build_spark(artifacts: Artifacts) -> None:
    installed = artifacts.directory / "spark" / "packages"
    fresh = _install(artifacts.platform, SPARK_REQUIREMENTS, _UNUSED, installed)
    if fresh or not artifacts.spark_packages.exists():
        _write_tar(installed, artifacts.spark_packages)
    sources = [path for package in SPARK_PACKAGES for path in (ROOT / package).rglob("*.py")]
    _write_zip(sources, ROOT, artifacts.spark_modules)


def _install(
    platform: Platform, requirements: tuple[str, ...], unused: tuple[str, ...], target: Path
) -> bool:
    """Install the locked `requirements` into `target`; False when they are there already."""
    recipe = repr((platform, sys.platform, requirements, unused)).encode() + LOCK.read_bytes()
    digest = hashlib.sha256(recipe).hexdigest()
    stamp = target.with_name(f".{target.name}.stamp")
    if stamp.exists() and stamp.read_text() == digest and target.exists():
        return False
    stamp.unlink(missing_ok=True)
    shutil.rmtree(target, ignore_errors=True)
    uv = Path(sys.executable).with_name("uv")
    command = [str(uv), "pip", "install", "--quiet", "--target", str(target)]
    command += ["--constraint", str(LOCK), "--python-version", platform.python_version]
    if platform.uv_platform:
        command += ["--python-platform", platform.uv_platform]
    subprocess.run([*command, *requirements], check=True)
    for pattern in unused:
        for path in list(target.glob(pattern)):
            _remove(path)
    stamp.write_text(digest)
    return True


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _write_zip(files: Iterable[Path], base: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(files):
            entry = zipfile.ZipInfo(path.relative_to(base).as_posix())
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED)


def _write_tar(directory: Path, target: Path) -> None:
    """A tar with neither times nor owners; level 1, as unpacking is what people wait for."""
    partial = target.with_suffix(".partial")
    with (
        partial.open("wb") as raw,
        gzip.GzipFile("", "wb", compresslevel=1, fileobj=raw, mtime=0) as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for path in sorted(directory.rglob("*")):
            archive.add(path, path.relative_to(directory).as_posix(), False, filter=_anonymous)
    partial.replace(target)


def _anonymous(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.mtime = entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    entry.mode = 0o755 if entry.isdir() else 0o644
    return entry


if __name__ == "__main__":
    build(Artifacts(Platform.of(sys.argv[1])))
