"""Spark's classes, as the JVM keeps them once loaded (application class data sharing).

Half of a short run is the JVM loading and verifying classes. The JVM can write what a small Spark
session has loaded to a file when it exits, and later JVMs map that file. Nothing is compiled
ahead, so runs are only sooner at work, not faster at it.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import subprocess
from functools import cached_property
from importlib.metadata import version
from pathlib import Path

from local.compute.config import ComputeConfig, StateFolder
from local.compute.processes import Command, Processes
from local.compute.spark_command import spark_environment, spark_home, spark_submit_arguments

LOGGER = logging.getLogger(__name__)

_WORKLOAD = Path(__file__).with_name("class_archive_workload.py")
_RUN_ID = "class-archive"
_PATIENCE_S = 180.0


def is_being_made(folder: StateFolder) -> bool:
    """Whether a server with this folder is at it; a run would compete with that for the cores."""
    return folder.scratch(_RUN_ID).exists()


class ClassArchive:
    """One archive for each Java and Spark, in `config.class_archives`.

    It is two files: Java's own classes, which not every Java brings along, and Spark's on top.
    """

    def __init__(self, config: ComputeConfig, processes: Processes) -> None:
        self._config = config
        self._processes = processes
        self._java = config.java_home / "bin" / "java"

    def java_options(self) -> list[str]:
        """What makes a JVM use the archive; nothing when there is none (yet)."""
        if self._config.class_archives is None:
            return []
        base, top = self._files(self._config.class_archives)
        if not top.exists():
            return []
        return [f"-XX:SharedArchiveFile={base}{os.pathsep}{top}"]

    def make(self) -> None:
        """Make the archive unless it is there. A failure costs speed only, and is logged."""
        folder = self._config.class_archives
        if folder is None:
            return
        scratch = self._config.folder.scratch(_RUN_ID)
        log = self._config.folder.emr_log(_RUN_ID, "stderr")
        try:
            if self.java_options():
                return
            for place in (folder, scratch, log.parent):
                place.mkdir(parents=True, exist_ok=True)
            base, top = self._files(folder)
            partial = top.with_suffix(".partial")
            options = [f"-XX:SharedArchiveFile={base}", f"-XX:ArchiveClassesAtExit={partial}"]
            spark_submit = spark_submit_arguments(self._config, scratch, {}, options)
            dump = (str(self._java), "-Xshare:dump", options[0])
            if self._run(scratch, log, *dump) and self._run(
                scratch, log, *spark_submit, str(_WORKLOAD)
            ):
                partial.rename(top)
        except OSError as error:
            LOGGER.warning("Spark will start without a class archive: %s", error)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def _run(self, scratch: Path, log: Path, *arguments: str) -> bool:
        environment = spark_environment(self._config, scratch)
        with self._processes.open(_RUN_ID) as run:
            started = run.start(Command(arguments, environment, scratch, log, log))
            return started and run.wait(_PATIENCE_S).exit_code == 0

    def _files(self, folder: Path) -> tuple[Path, Path]:
        return folder / f"java-{self._id}.jsa", folder / f"spark-{self._id}.jsa"

    @cached_property
    def _id(self) -> str:
        """Another Java or another Spark has another id; the JVM would refuse its files."""
        java = subprocess.run([self._java, "-version"], capture_output=True, check=False).stderr
        spark = f"{version('pyspark')} {spark_home()}".encode()
        return hashlib.sha256(java + spark).hexdigest()[:16]
