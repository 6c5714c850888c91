"""Spark's classes, as the JVM keeps them once loaded (application class data sharing).

Half of a short run is the JVM loading and verifying classes. The JVM writes what a small Spark
session has loaded to a file when it exits, and later JVMs map that file. Nothing is compiled
ahead, so runs are only sooner at work, not faster at it.
"""

from __future__ import annotations

import hashlib
import logging
import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path

from local.compute.config import ComputeConfig
from local.compute.processes import Command, Processes
from local.compute.spark_command import spark_environment, spark_home, spark_submit_arguments

LOGGER = logging.getLogger(__name__)

_WORKLOAD = Path(__file__).with_name("class_archive_workload.py")
_RUN_ID = "class-archive"


class ClassArchive:
    """One archive for each Java and Spark, in the configured folder."""

    def __init__(self, config: ComputeConfig, processes: Processes) -> None:
        self._config = config
        self._processes = processes
        self._folder = config.class_archives
        self._path = self._folder / self._name() if self._folder else None

    @property
    def path(self) -> Path | None:
        """The archive, or None when there is none (yet)."""
        return self._path if self._path and self._path.exists() else None

    def make(self) -> None:
        """Make the archive unless it is there. A failure costs speed only, and is logged."""
        if self._path is None or self.path:
            return
        scratch = self._config.folder.scratch(_RUN_ID)
        log = self._config.folder.emr_log(_RUN_ID, "stderr")
        for folder in (self._path.parent, scratch, log.parent):
            folder.mkdir(parents=True, exist_ok=True)
        partial = self._path.with_suffix(".partial")
        partial.unlink(missing_ok=True)
        try:
            with self._processes.open(_RUN_ID) as run:
                if run.start(self._command(scratch, partial, log)) and run.wait().exit_code == 0:
                    partial.rename(self._path)
        except OSError as error:
            LOGGER.warning("Spark starts without a class archive: %s", error)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def _command(self, scratch: Path, partial: Path, log: Path) -> Command:
        options = [f"-XX:ArchiveClassesAtExit={partial}"]
        arguments = spark_submit_arguments(self._config, scratch, {}, options)
        return Command(
            arguments=(*arguments, str(_WORKLOAD)),
            environment=spark_environment(self._config, scratch),
            folder=scratch,
            stdout=log,
            stderr=log,
        )

    def _name(self) -> str:
        """Another Java or another Spark gives another name; the JVM would refuse the file."""
        java = subprocess.run(
            [self._config.java_home / "bin" / "java", "-version"], capture_output=True, check=True
        )
        parts = (java.stderr, str(spark_home()).encode(), version("pyspark").encode())
        return f"spark-{hashlib.sha256(b'|'.join(parts)).hexdigest()[:16]}.jsa"
