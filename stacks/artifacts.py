"""What is built before `cdk synth`: where it lies and how it is made.

    build/<platform>/functions.zip       the Lambda functions: our packages and what they import
    build/<platform>/parquet-layer.zip   a Lambda layer: pyarrow, for the validate function alone
    build/<platform>/spark-modules.zip   our packages for the Spark driver and its executors
    build/<platform>/spark-packages.tgz  NumPy, pyarrow and boto3 for them (`spark.archives`)

The platform is `aws` (the Python of cdk.json on manylinux x86_64) or `local` (the interpreter that
runs this). Versions come from requirements.txt. Equal sources give equal bytes, so CDK uploads only
what changed; dependencies are installed again only when their versions or the recipe change.

    python -m stacks.artifacts aws|local
"""

from __future__ import annotations

import compileall
import fcntl
import hashlib
import json
import os
import py_compile
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from stacks.archives import add_to_zip, replacing, write_tar

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.txt"

_PYTHON_AT_HAND = f"{sys.version_info.major}.{sys.version_info.minor}"

FUNCTION_PACKAGES = ("actors", "analysis", "contracts", "handlers", "pipeline")
FUNCTION_REQUIREMENTS = ("aws-lambda-powertools", "boto3", "thespian", "zstandard")
LAYER_REQUIREMENTS = ("pyarrow",)
SPARK_PACKAGES = ("contracts", "spark_jobs")
ENGINE_PACKAGES = ("analysis", "contracts", "gpu_jobs", "spark_jobs")
ENGINE_FILES = (
    "requirements.txt",
    "gpu_jobs/requirements.txt",
    "gpu_jobs/Dockerfile",
    "handlers/analyze.py",
    "pipeline/compute.py",
    "stacks/compute.py",
)
"""What, beside the packages and the image, decides what a result says."""

SPARK_REQUIREMENTS = ("boto3", "numpy", "pyarrow")

# Whose models stay of the hundreds in botocore, which are half of the files.
AWS_SERVICES = ("batch", "dynamodb", "emr-serverless", "lambda", "s3", "sqs", "sts")

# Nothing at run time opens these: headers, sources, tests, commands, RPC, zstandard's backend for
# PyPy, and the copies of libarrow_python that a wheel holds because it cannot hold links.
_UNUSED = (
    "bin",
    "**/__pycache__",
    "**/tests",
    "**/*.pyi",
    "zstandard/*cffi*",
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
            return cls(name, _PYTHON_AT_HAND, sys.executable)
        raise ValueError(f"the platform is aws or local, not {name!r}")


@dataclass(frozen=True)
class Artifacts:
    """The places of one platform's artefacts."""

    platform: Platform
    root: Path = ROOT / "build"

    @property
    def functions(self) -> Path:
        return self.root / self.platform.name / "functions.zip"

    @property
    def parquet_layer(self) -> Path:
        return self.root / self.platform.name / "parquet-layer.zip"

    @property
    def spark_modules(self) -> Path:
        return self.root / self.platform.name / "spark-modules.zip"

    @property
    def spark_packages(self) -> Path:
        # Not .tar.gz: CDK would publish it as .gz, which Spark does not unpack.
        return self.root / self.platform.name / "spark-packages.tgz"

    def engines(self, gpu_image: str | None) -> str:
        """Stands for all that makes results; `gpu_image` is a ready image in our image's place."""
        digest = hashlib.sha256(repr((self.platform, gpu_image)).encode())
        for path in (*_sources(ENGINE_PACKAGES), *(ROOT / name for name in ENGINE_FILES)):
            digest.update(path.read_bytes())
        return digest.hexdigest()[:16]

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
    """Bring all four artefacts up to date, one process at a time.

    Raises CalledProcessError when uv fails.
    """
    directory = artifacts.functions.parent
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _build(artifacts)


def _build(artifacts: Artifacts) -> None:
    platform = artifacts.platform
    dependencies = artifacts.functions.with_name("functions-dependencies.zip")
    _install(platform, FUNCTION_REQUIREMENTS, _UNUSED, dependencies, _write_zip)
    with replacing(artifacts.functions) as partial:
        shutil.copyfile(dependencies, partial)
        _add_sources(partial, FUNCTION_PACKAGES)

    unused = (*_UNUSED, *_UNUSED_IN_LAYER)
    _install(platform, LAYER_REQUIREMENTS, unused, artifacts.parquet_layer, _write_layer)

    _install(platform, SPARK_REQUIREMENTS, _UNUSED, artifacts.spark_packages, write_tar)
    with replacing(artifacts.spark_modules) as partial:
        _add_sources(partial, SPARK_PACKAGES)


def _install(
    platform: Platform,
    requirements: tuple[str, ...],
    unused: tuple[str, ...],
    target: Path,
    write: Callable[[Path, Path], None],
) -> None:
    """Have `write` pack the locked `requirements` into `target`, unless they are there already."""
    recipe = Path(__file__).read_bytes() + repr((platform, sys.version)).encode()
    digest = hashlib.sha256(recipe + LOCK.read_bytes()).hexdigest()
    stamp = target.with_name(f".{target.name}.stamp")
    if target.exists() and stamp.exists() and stamp.read_text() == digest:
        return
    command = [str(Path(sys.executable).with_name("uv")), "pip", "install", "--quiet"]
    command += [
        "--python",
        sys.executable,
        "--constraint",
        str(LOCK),
        "--python-version",
        platform.python_version,
    ]
    if platform.uv_platform:
        command += ["--python-platform", platform.uv_platform]
    with tempfile.TemporaryDirectory(dir=target.parent) as name:
        directory = Path(name)
        environment = {"UV_CACHE_DIR": str(ROOT / "build" / "cache" / "uv"), **os.environ}
        subprocess.run([*command, "--target", name, *requirements], env=environment, check=True)
        _prune(directory, unused)
        _compile(platform, directory)
        with replacing(target) as partial:
            write(partial, directory)
    stamp.write_text(digest)


def _compile(platform: Platform, directory: Path) -> None:
    """Leave bytecode, when this Python is the one that will run it: half of a cold start.

    It is bound to no file times, which the archives do not keep, and to no folder of this machine.
    """
    if platform.python_version == _PYTHON_AT_HAND:
        compileall.compile_dir(
            directory,
            quiet=2,
            stripdir=directory,
            invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
        )


def _prune(directory: Path, unused: tuple[str, ...]) -> None:
    models = (path for path in directory.glob("botocore/data/*") if path.is_dir())
    superfluous = [path for path in models if path.name not in AWS_SERVICES]
    for pattern in unused:
        superfluous += directory.glob(pattern)
    for path in superfluous:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _add_sources(archive: Path, packages: tuple[str, ...]) -> None:
    add_to_zip(archive, _sources(packages), ROOT)


def _sources(packages: tuple[str, ...]) -> list[Path]:
    return sorted(path for package in packages for path in (ROOT / package).rglob("*.py"))


def _write_zip(archive: Path, directory: Path) -> None:
    add_to_zip(archive, directory.rglob("*"), directory)


def _write_layer(archive: Path, directory: Path) -> None:
    add_to_zip(archive, directory.rglob("*"), directory, "python/")


if __name__ == "__main__":
    build(Artifacts(Platform.of(sys.argv[1])))
