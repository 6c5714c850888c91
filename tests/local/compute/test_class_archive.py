import logging
from dataclasses import replace
from pathlib import Path

import pytest

from local.compute.class_archive import ClassArchive
from local.compute.config import ComputeConfig
from local.compute.processes import Processes

# Says its version, and for any other command what the test told it to do.
JAVA = """#!/bin/sh
[ "$1" = "-version" ] && {{ echo 'openjdk version "{version}"' >&2; exit 0; }}
exit 1
"""


def archive_for(config: ComputeConfig, tmp_path: Path, version: str) -> ClassArchive:
    java = tmp_path / version / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.write_text(JAVA.format(version=version))
    java.chmod(0o755)
    changed = replace(config, java_home=tmp_path / version, class_archives=tmp_path / "classes")
    return ClassArchive(changed, Processes(tmp_path / "scratch", 0.1))


def pretend_made(archive: ClassArchive, folder: Path) -> None:
    folder.mkdir()
    for path in archive._files(folder):
        path.touch()


def test_without_a_folder_there_is_no_archive(config: ComputeConfig, tmp_path: Path) -> None:
    archive = ClassArchive(config, Processes(tmp_path, 0.1))
    archive.make()
    assert archive.java_options() == []


def test_an_archive_serves_the_java_that_made_it_and_no_other(
    config: ComputeConfig, tmp_path: Path
) -> None:
    archive = archive_for(config, tmp_path, "17.0.1")
    assert archive.java_options() == []
    pretend_made(archive, tmp_path / "classes")
    (option,) = archive.java_options()
    assert option.startswith(f"-XX:SharedArchiveFile={tmp_path}/classes/java-")
    assert archive_for(config, tmp_path, "21.0.2").java_options() == []


def test_a_java_that_cannot_make_one_costs_nothing_but_speed(
    config: ComputeConfig, tmp_path: Path
) -> None:
    archive = archive_for(config, tmp_path, "17.0.1")
    archive.make()
    assert archive.java_options() == []


def test_without_java_the_server_only_says_so(
    config: ComputeConfig, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    changed = replace(config, java_home=tmp_path, class_archives=tmp_path / "classes")
    with caplog.at_level(logging.WARNING):
        ClassArchive(changed, Processes(tmp_path / "scratch", 0.1)).make()
    assert "Spark will start without a class archive" in caplog.text
