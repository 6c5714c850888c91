"""What the server is told, and where it keeps its files."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class ComputeConfig:
    """The server's settings. Port 0 takes a free one.

    `emulator_endpoint_url` answers for every other AWS service, to the server and to its jobs.
    `class_archives` is the folder for Spark's loaded classes, which make it start sooner; they
    are written there in the background when they are missing. None does without.
    `kill_grace_s` lies between SIGTERM and SIGKILL. Memory is in Spark's notation.
    """

    state_dir: Path
    emulator_endpoint_url: str
    java_home: Path
    host: str = "127.0.0.1"
    port: int = 0
    region: str = "us-east-1"
    account_id: str = "000000000000"
    batch_concurrency: int = 2
    spark_concurrency: int = 1
    spark_cores: int = len(os.sched_getaffinity(0))
    spark_driver_memory: str = "2g"
    class_archives: Path | None = None
    kill_grace_s: float = 5.0

    @property
    def folder(self) -> StateFolder:
        return StateFolder(self.state_dir.resolve())


@dataclass(frozen=True)
class StateFolder:
    """The files of one server.

    compute.sqlite3                     jobs, runs, definitions, unsent events
    logs/batch/<job id>.log             a Batch job's output, all attempts one after the other
    logs/emr/<run id>/stdout.log        a Spark driver's output
    logs/emr/<run id>/stderr.log        Spark's log
    scratch/<job or run id>/            the working folder of what is running, removed at its end
    archives/<digest>/                  unpacked `spark.archives`, kept
    recording.json                      what is replayed, while a load test lasts
    """

    root: Path

    @property
    def database(self) -> Path:
        return self.root / "compute.sqlite3"

    @property
    def archives(self) -> Path:
        return self.root / "archives"

    @property
    def recording(self) -> Path:
        return self.root / "recording.json"

    @property
    def scratch_root(self) -> Path:
        return self.root / "scratch"

    def scratch(self, run_id: str) -> Path:
        return self.scratch_root / run_id

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    def batch_log_stream(self, job_id: str) -> str:
        """The log's name below `logs`, without its suffix; Batch's `logStreamName`."""
        return f"batch/{job_id}"

    def batch_log(self, job_id: str) -> Path:
        return self.logs / f"{self.batch_log_stream(job_id)}.log"

    def emr_log(self, run_id: str, stream: str) -> Path:
        """`stream` is `stdout` or `stderr`."""
        return self.logs / "emr" / run_id / f"{stream}.log"
