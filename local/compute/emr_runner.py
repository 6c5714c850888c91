"""Runs Spark on behalf of EMR Serverless: from SCHEDULED through RUNNING to an end."""

from __future__ import annotations

import logging
import os
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from local.compute import emr_job_run
from local.compute.arns import Arns
from local.compute.class_archive import ClassArchive
from local.compute.config import ComputeConfig
from local.compute.errors import StagingFailed
from local.compute.events import EventAnnouncer, envelope
from local.compute.processes import Command, Ending, Processes, Run
from local.compute.replay import Replay, Replays
from local.compute.spark_command import stage_and_build
from local.compute.staging import StagingFactory
from local.compute.store import Document, Store

LOGGER = logging.getLogger(__name__)

KIND = "emr-job-run"
_LOG_END_BYTES = 64 * 1024


class EmrRunner:
    """At most `spark_concurrency` runs at once, first come, first served; the others wait."""

    def __init__(
        self,
        config: ComputeConfig,
        store: Store,
        announcer: EventAnnouncer,
        processes: Processes,
        replays: Replays,
        staging: StagingFactory,
        class_archive: ClassArchive,
    ) -> None:
        self._config = config
        self._store = store
        self._announcer = announcer
        self._processes = processes
        self._replays = replays
        self._staging = staging
        self._class_archive = class_archive
        self._pool = ThreadPoolExecutor(config.spark_concurrency, thread_name_prefix="emr")

    def move(self, run: Document, state: str, details: str | None = None) -> Document:
        """Keep and announce `run` in `state`; within a transaction."""
        changed = emr_job_run.moved(run, state, time.time(), details)
        self._store.put(KIND, run["jobRunId"], changed)
        self._announcer.announce(
            envelope(
                "aws.emr-serverless",
                "EMR Serverless Job Run State Change",
                [],
                emr_job_run.event_detail(changed, run["state"]),
                Arns(self._config.region, self._config.account_id),
            )
        )
        return changed

    def enqueue(self, run: Document) -> None:
        """Have a run in SCHEDULED run when its turn has come."""
        replay = self._replays.find(run.get("name"))
        if replay:
            self._replays.pool.submit(self._replay, run["jobRunId"], replay)
        else:
            self._pool.submit(self._run, run["jobRunId"])

    def terminate(self, run_id: str) -> None:
        """Begin to kill the run's processes, if it has any."""
        self._processes.terminate(run_id)

    def recover(self) -> None:
        """Take up the runs of an earlier server; those that were running have lost their driver."""
        for run in reversed(self._store.all(KIND)):
            if run["state"] == "SCHEDULED":
                self.enqueue(run)
            elif run["state"] not in emr_job_run.ENDED:
                self._end(run["jobRunId"], "FAILED", "Job failed: the driver's host was lost.")

    def stop(self) -> None:
        """Wait for the runs under way, whose processes `Processes.stop` has ended."""
        self._pool.shutdown(cancel_futures=True)

    def _run(self, run_id: str) -> None:
        try:
            with self._processes.open(run_id) as processes:
                run = self._start(run_id)
                if run is not None:
                    self._drive(run, processes)
        except Exception:
            LOGGER.exception("run %s: the server failed", run_id)
        finally:
            shutil.rmtree(self._config.folder.scratch(run_id), ignore_errors=True)

    def _replay(self, run_id: str, replay: Replay) -> None:
        run = self._start(run_id)
        if run is None:
            return
        try:
            replay(run["jobDriver"]["sparkSubmit"]["entryPointArguments"][0], run_id)
        except Exception as error:
            LOGGER.exception("run %s: the replay failed", run_id)
            self._end(run_id, "FAILED", emr_job_run.failure_details(1, str(error)))
        else:
            self._end(run_id, "SUCCESS")

    def _start(self, run_id: str) -> Document | None:
        """The run in RUNNING, or None when it was cancelled while it waited."""
        with self._store.transaction():
            run = self._store.get(KIND, run_id)
            if run is None or run["state"] != "SCHEDULED":
                return None
            return self.move(run, "RUNNING")

    def _drive(self, run: Document, processes: Run) -> None:
        run_id = run["jobRunId"]
        try:
            started = processes.start(self._command(run))
        except (StagingFailed, OSError, ValueError) as error:
            self._config.folder.emr_log(run_id, "stderr").write_text(f"{error}\n")
            self._end(run_id, "FAILED", emr_job_run.failure_details(1, str(error)))
            return
        exit_code = 0
        if started:
            exit_code = processes.wait(run["executionTimeoutMinutes"] * 60).exit_code
        if processes.ending is Ending.TIMED_OUT:
            details = f"Job run timed out after {run['executionTimeoutMinutes']} minutes."
            self._end(run_id, "CANCELLED", details)
        elif processes.ending is Ending.TERMINATED:
            self._end(run_id, "CANCELLED")
        elif processes.ending is Ending.ABANDONED:
            # It stays as it is: the next start finds that its host was lost.
            return
        elif exit_code:
            reason = emr_job_run.last_exception(self._log(run_id))
            self._end(run_id, "FAILED", emr_job_run.failure_details(exit_code, reason))
        else:
            self._end(run_id, "SUCCESS")

    def _end(self, run_id: str, state: str, details: str | None = None) -> None:
        """End the run in `state`; one that was being cancelled is CANCELLED however it ended."""
        with self._store.transaction():
            run = self._store.get(KIND, run_id)
            assert run is not None
            if state == "CANCELLED" and run["state"] != "CANCELLING":
                run = self.move(run, "CANCELLING", details)
            if run["state"] == "CANCELLING":
                self.move(run, "CANCELLED", details if state == "CANCELLED" else None)
            else:
                self.move(run, state, details)

    def _command(self, run: Document) -> Command:
        run_id = run["jobRunId"]
        folder = self._config.folder
        folder.scratch(run_id).mkdir(parents=True, exist_ok=True)
        folder.emr_log(run_id, "stderr").parent.mkdir(parents=True, exist_ok=True)
        return stage_and_build(
            run_id,
            run["jobDriver"]["sparkSubmit"],
            self._staging(folder.scratch(run_id)),
            self._config,
            self._class_archive.java_options(),
        )

    def _log(self, run_id: str) -> str:
        """The ends of what the driver wrote; Spark sends Python's tracebacks to stdout."""
        folder = self._config.folder
        return "\n".join(_end_of(folder.emr_log(run_id, stream)) for stream in ("stderr", "stdout"))


def _end_of(path: Path) -> str:
    with path.open("rb") as log:
        size = log.seek(0, os.SEEK_END)
        log.seek(max(0, size - _LOG_END_BYTES))
        return log.read().decode(errors="replace")
