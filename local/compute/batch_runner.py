"""Runs Batch jobs: from RUNNABLE through STARTING and RUNNING to an end, attempt by attempt."""

from __future__ import annotations

import logging
import shutil
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from local.compute import batch_job
from local.compute.arns import Arns
from local.compute.config import REPOSITORY, ComputeConfig
from local.compute.environment import job_environment
from local.compute.events import EventAnnouncer, envelope
from local.compute.processes import Command, Ending, Processes, Run
from local.compute.replay import Replay, Replays
from local.compute.store import Document, Store

LOGGER = logging.getLogger(__name__)

KIND = "batch-job"


class BatchRunner:
    """At most `batch_concurrency` jobs at once, first come, first served; the others wait."""

    def __init__(
        self,
        config: ComputeConfig,
        store: Store,
        announcer: EventAnnouncer,
        processes: Processes,
        replays: Replays,
    ) -> None:
        self._config = config
        self._store = store
        self._announcer = announcer
        self._processes = processes
        self._replays = replays
        self._pool = ThreadPoolExecutor(config.batch_concurrency, thread_name_prefix="batch")

    def accept(self, job: Document) -> None:
        """Take a job in SUBMITTED and have it run."""
        with self._store.transaction():
            self._store.put(KIND, job["jobId"], job)
            self.save({**job, "status": "PENDING"})
            self.save({**job, "status": "RUNNABLE"})
        self._enqueue(job)

    def save(self, job: Document) -> None:
        """Keep and announce a job whose status has changed; within a transaction."""
        self._store.put(KIND, job["jobId"], job)
        arns = Arns(self._config.region, self._config.account_id)
        self._announcer.announce(
            envelope("aws.batch", "Batch Job State Change", [job["jobArn"]], job, arns)
        )

    def terminate(self, job_id: str) -> None:
        """Begin to kill the job's processes, if it has any."""
        self._processes.terminate(job_id)

    def recover(self) -> None:
        """Take up the jobs of an earlier server; those that were running have lost their host."""
        for job in reversed(self._store.all(KIND)):
            if job["status"] in ("STARTING", "RUNNING"):
                job = self._end_attempt(job["jobId"], batch_job.HOST_LOST)
            if job["status"] not in batch_job.ENDED:
                self._enqueue(job)

    def stop(self) -> None:
        """Wait for the attempts under way, whose processes `Processes.stop` has ended."""
        self._pool.shutdown(cancel_futures=True)

    def _enqueue(self, job: Document) -> None:
        replay = self._replays.find(job["jobName"])
        if replay:
            self._replays.pool.submit(self._replay, job["jobId"], replay)
        else:
            self._pool.submit(self._run, job["jobId"])

    def _replay(self, job_id: str, replay: Replay) -> None:
        job = self._advance(job_id, "RUNNABLE", "STARTING")
        if job is None:
            return
        exit_code = 0
        self._advance(job_id, "STARTING", "RUNNING")
        try:
            replay(job["parameters"]["spec"], job_id)
        except Exception:
            LOGGER.exception("job %s: the replay failed", job_id)
            exit_code = 1
        self._end_attempt(job_id, batch_job.CONTAINER_EXITED, exit_code=exit_code)

    def _run(self, job_id: str) -> None:
        job = None
        try:
            with self._processes.open(job_id) as run:
                job = self._advance(job_id, "RUNNABLE", "STARTING")
                if job is not None:
                    job = self._attempt(job, run)
        except Exception:
            LOGGER.exception("job %s: the server failed", job_id)
        finally:
            shutil.rmtree(self._config.folder.scratch(job_id), ignore_errors=True)
        # The next attempt has the same id, so nothing of this one may be left by then.
        if job is not None and job["status"] == "RUNNABLE":
            self._enqueue(job)

    def _attempt(self, job: Document, run: Run) -> Document:
        """Run the job once; returns it as it is then."""
        job_id = job["jobId"]
        try:
            if not run.start(self._command(job)):
                return self._end_unstarted(job, run)
        except OSError as error:
            reason = f"CannotStartContainerError: {error}"
            return self._end_attempt(job_id, batch_job.CONTAINER_FAILED_TO_START, reason=reason)
        self._advance(job_id, "STARTING", "RUNNING")
        outcome = run.wait(job.get("timeout", {}).get("attemptDurationSeconds"))
        if outcome.ending is Ending.ABANDONED:
            # It stays as it is: the next start finds that its host was lost.
            return job
        timed_out = outcome.ending is Ending.TIMED_OUT
        status_reason = batch_job.TIMED_OUT if timed_out else batch_job.CONTAINER_EXITED
        return self._end_attempt(job_id, status_reason, exit_code=outcome.exit_code)

    def _end_unstarted(self, job: Document, run: Run) -> Document:
        if run.ending is Ending.ABANDONED:
            return job
        return self._end_attempt(job["jobId"], batch_job.CONTAINER_FAILED_TO_START)

    def _advance(self, job_id: str, status: str, next_status: str) -> Document | None:
        """The job moved on, or None when it is no longer in `status`."""
        with self._store.transaction():
            job = self._store.get(KIND, job_id)
            if job is None or job["status"] != status:
                return None
            job["status"] = next_status
            job["container"]["logStreamName"] = self._config.folder.batch_log_stream(job_id)
            if next_status == "RUNNING":
                job["startedAt"] = now_ms()
            self.save(job)
            return job

    def _end_attempt(
        self,
        job_id: str,
        status_reason: str,
        *,
        exit_code: int | None = None,
        reason: str | None = None,
    ) -> Document:
        """Record how an attempt ended; the job, RUNNABLE when another attempt is to follow."""
        with self._store.transaction():
            job = self._store.get(KIND, job_id)
            assert job is not None
            job = batch_job.ended_attempt(
                job, status_reason, exit_code=exit_code, reason=reason, now_ms=now_ms()
            )
            self.save(job)
        return job

    def _command(self, job: Document) -> Command:
        """What to run, in a fresh scratch folder. Raises OSError."""
        folder = self._config.folder
        log, scratch = folder.batch_log(job["jobId"]), folder.scratch(job["jobId"])
        log.parent.mkdir(parents=True, exist_ok=True)
        scratch.mkdir(parents=True, exist_ok=True)
        program, *arguments = batch_job.command(job)
        return Command(
            # The image's `python` is the interpreter that runs the project.
            arguments=(sys.executable if program == "python" else program, *arguments),
            environment={
                **job_environment(self._config, scratch),
                "PYTHONPATH": str(REPOSITORY),
                **batch_job.environment(job),
            },
            folder=scratch,
            stdout=log,
            stderr=log,
        )


def now_ms() -> int:
    """Batch's clock: milliseconds since 1970."""
    return int(time.time() * 1000)
