"""The real coordination over a simulated AWS, moved one step at a time.

The validate, coordinate and reconcile functions are the real code; the jobs' work and the analysis
only leave what the real ones leave last: fence, metrics, marker, word to the queue.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import datetime, tzinfo
from typing import Any
from unittest import mock

from actors.system import coordinator
from contracts import outage
from contracts.codec import from_plain
from contracts.layout import FENCE_NAME, MARKER_NAME, METRICS_NAME
from contracts.manifest import Options
from contracts.marker import Marker, Outcome, OutputFile
from contracts.metrics import NormalizeMetrics
from contracts.problem import Problem
from contracts.spec import AnalyzeSpec
from handlers.inline_records import Submission, submit
from handlers.job_controls import start_rerun
from pipeline.attempt_files import AttemptFiles
from pipeline.bootstrap import Coordination
from pipeline.clock import iso
from pipeline.compute import BatchJobs, Functions, SparkRuns
from pipeline.compute_names import AttemptName
from pipeline.dataset.identity import Upload
from pipeline.dataset.metadata import to_metadata
from pipeline.errors import TryAgain
from pipeline.intake import Intake
from pipeline.job_events import DatasetValidated
from pipeline.messages import AnalysisFinished, CheckJob, DatasetArriving
from pipeline.model import Job, Status, Totals
from pipeline.objects import Objects
from pipeline.settings import ApiSettings, CoordinateSettings, ValidateSettings
from pipeline.store import JobStore
from pipeline.work_queue import WorkQueue
from tests.cli.world import REPORT
from tests.coordination.simulated_aws import Caller, Invocation, Message, SimulatedAws

VISIBILITY_SECONDS = 360
MAX_RECEIVES = 5
FUNCTION_TRIES = 3
BATCH_TRIES = 3
CSV = b"city,fare\nBonn,1.5\nUlm,2\n"
LINES = b'{"city":"Bonn","fare":1.5}\n{"city":"Ulm","fare":2}\n'
TOTALS = Totals(2, 1.0, 1.0, 0.01, 0.001, None, True, "no difference at this size")
SETTINGS = CoordinateSettings(
    jobs_table="jobs",
    results_bucket="results",
    work_queue_url="work",
    dead_letter_queue_url="dead",
    validate_function="validate",
    analyze_function="analyze",
    gpu_job_queue="gpu",
    gpu_job_definition="gpu",
    cpu_job_queue="cpu",
    cpu_job_definition="cpu",
    spark_application_id="application",
    spark_execution_role_arn="role",
    spark_compare_script="compare.py",
    spark_dataframe_script="dataframe.py",
    spark_modules="modules",
    spark_packages="packages",
    spark_python="python3",
    spark_log_prefix="logs",
)

# What the work of an attempt may come to.
SUCCEEDS, REJECTS, FAILS, OUTAGE, HOST_LOST = "succeeds", "rejects", "fails", "outage", "host lost"


class SimulatedPipeline:
    """Raises AssertionError as soon as something happens that must never happen."""

    def __init__(self) -> None:
        self.aws = SimulatedAws(on_batch=self._announce_batch, on_spark=self._announce_spark)
        self.store = JobStore(self.aws)
        self.files = AttemptFiles(self.aws, SETTINGS.results_bucket)
        queue = WorkQueue(self.aws, SETTINGS.work_queue_url)
        objects = Objects(self.aws)
        self.coordination = Coordination(
            store=self.store,
            queue=queue,
            objects=objects,
            files=self.files,
            batch_jobs=BatchJobs(self.aws, self.aws, SETTINGS),
            spark_runs=SparkRuns(self.aws, SETTINGS),
            functions=Functions(self.aws),
        )
        self.intake = Intake(
            objects, self.store, queue, ValidateSettings("jobs", "results", "work", 60, "engines")
        )
        self.queue = queue
        self.aws.on_upload = self._announce_upload
        self.drops_spark_events = False
        self.broken_operation = ""
        self.deliveries = 0
        self.dead: list[Message] = []
        self.working: dict[str, AttemptName] = {}
        self.has_worked: dict[str, list[str]] = {}
        self.saved: dict[str, Job] = {}
        self._patches = ExitStack()
        clock = self.aws.clock

        class Now(datetime):
            @classmethod
            def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
                return clock.now()

        self._patches.enter_context(mock.patch("pipeline.clock.datetime", Now))
        for module in ("job_manager", "stage_actor"):
            self._patches.enter_context(
                mock.patch(f"actors.{module}.coordination", return_value=self.coordination)
            )

        # Of what goes wrong on purpose nobody needs thousands of tracebacks.
        logging.disable(logging.CRITICAL)
        self._patches.callback(logging.disable, logging.NOTSET)

    def close(self) -> None:
        self._patches.close()

    @contextmanager
    def process(self, caller: Caller) -> Iterator[None]:
        """A process of ours that calls AWS, with whatever happens to it."""
        caller.broken = self.broken_operation
        self.aws.caller = caller
        try:
            yield
        finally:
            self.aws.caller = Caller()
            self._check_jobs()

    # Uploads and functions

    def upload(self, key: str, metadata: dict[str, str]) -> None:
        """Somebody uploads a file."""
        self.aws.put_object("ingest", key, CSV, Metadata=metadata)

    def post(self, job_id: str, options: Options) -> None:
        """Somebody posts records."""
        submission = Submission(job_id, LINES, options, to_metadata(options, job_id))
        submit(submission, self.store, self.aws, "ingest")

    def _announce_upload(self, key: str) -> None:
        """S3 calls the validate function."""
        s3 = {"bucket": {"name": "ingest"}, "object": {"key": key, "versionId": "v1", "size": 26}}
        payload = {"Records": [{"eventTime": iso(self.aws.clock.now()), "s3": s3}]}
        self.aws.invocations.append(Invocation("validate", payload, self.aws.clock.seconds))

    def run_function(self, invocation: Invocation, caller: Caller) -> None:
        """One try of an asynchronous invocation; after the last one the queue hears of it."""
        invocation.tries += 1
        function = {"validate": self._validate, "analyze": self._analyze}[invocation.function]
        try:
            with self.process(caller):
                function(invocation.payload)
        except Exception as problem:
            if isinstance(problem, AssertionError):
                raise
        else:
            if not caller.dead:
                self.aws.invocations.remove(invocation)
                return
        if invocation.tries < FUNCTION_TRIES:
            invocation.visible_at = self.aws.clock.seconds + 60 * invocation.tries
            return
        self.aws.invocations.remove(invocation)
        context = {"functionArn": f"arn:{invocation.function}", "condition": "RetriesExhausted"}
        response = {"errorMessage": "killed"} if caller.dead else {"stackTrace": []}
        told = {"requestPayload": invocation.payload, "responsePayload": response}
        self._send({"requestContext": context, **told})

    def _validate(self, payload: dict[str, Any]) -> None:
        if "settle" in payload:
            self.intake.settle(from_plain(DatasetArriving, payload["settle"]))
        for record in payload.get("Records", []):
            self.intake.take(Upload.of_record(record), record["eventTime"])

    def _analyze(self, payload: dict[str, Any]) -> None:
        spec = from_plain(AnalyzeSpec, payload)
        name = AttemptName(spec.job_id, "analyze", spec.attempt)
        report = replace(REPORT, job_id=spec.job_id)
        self.coordination.objects.write(report, self.files.layout(spec.job_id).report)
        self._leave_marker(name, Outcome.SUCCEEDED)
        time = iso(self.aws.clock.now())
        self.queue.send(AnalysisFinished(spec.job_id, spec.attempt, time, time, TOTALS))

    # The queue

    def deliver(self, message: Message, caller: Caller, *, again: bool) -> None:
        """The coordinate function takes a message; `again` has SQS bring it once more anyhow."""
        message.receives += 1
        self.deliveries += 1
        is_handled = False
        with self.process(caller):
            try:
                with coordinator(SETTINGS) as actors:
                    actors.handle(f"owner-{self.deliveries}", message.body)
                is_handled = not caller.dead
            except TryAgain:
                pass
        if is_handled and not again:
            self.aws.messages.remove(message)
        elif message.receives >= MAX_RECEIVES:
            self.give_up(message)
        else:
            message.visible_at = self.aws.clock.seconds + VISIBILITY_SECONDS

    def give_up(self, message: Message) -> None:
        self.aws.messages.remove(message)
        self.dead.append(message)

    def redrive(self) -> None:
        """The dead letters go on their way again, as new messages."""
        self.aws.messages += [Message(each.body, self.aws.clock.seconds) for each in self.dead]
        self.dead.clear()

    def reconcile(self) -> None:
        for job in list(self.store.unfinished()):
            self.queue.send(CheckJob(job.job_id))

    def rerun(self, job: Job, whole: bool) -> None:
        api = ApiSettings("jobs", "ingest", SETTINGS.results_bucket, "work", "dead", "us-east-1")
        rerun = start_rerun(job, whole, self.store, self.coordination.objects, api)
        self.queue.send(DatasetValidated(rerun.job_id))

    def _send(self, body: dict[str, Any]) -> None:
        self.aws.messages.append(Message(json.dumps(body), self.aws.clock.seconds))

    # Batch

    def place_batch_job(self, job: dict[str, Any]) -> None:
        """There is a machine for the job."""
        assert job["status"] == "RUNNABLE"
        job["status"] = "STARTING"

    def start_batch_job(self, job: dict[str, Any]) -> None:
        """The container starts, takes the fence or sees that another has it."""
        assert job["status"] == "STARTING"
        job.update(status="RUNNING", startedAt=self.aws.clock.ms())
        self._announce_batch(job)
        name = self._named(job["jobName"])
        fence = self.files.output(name).join(FENCE_NAME)
        place = (fence.bucket, fence.key)
        self.aws.objects.setdefault(place, (job["jobId"].encode(), {}))
        if self.aws.objects[place][0] != job["jobId"].encode() or self.files.marker(name):
            job["idle"] = True
            return
        self._begin(job["jobId"], name)

    def end_batch_job(self, job: dict[str, Any], outcome: str) -> None:
        assert job["status"] == "RUNNING"
        name = self._named(job["jobName"])
        self.working.pop(job["jobId"], None)
        if job.get("isTerminated"):
            self._end_batch(job, "FAILED", None)
        elif job.pop("idle", False):
            self._end_batch(job, "SUCCEEDED", 0)
        elif outcome == HOST_LOST:
            self._lose_host(job)
        elif outcome in (SUCCEEDS, REJECTS):
            self._leave_normalized(name, outcome == REJECTS)
            self._end_batch(job, *(("FAILED", 65) if outcome == REJECTS else ("SUCCEEDED", 0)))
        else:
            self._end_batch(job, "FAILED", outage.EXIT if outcome == OUTAGE else 1)

    def _end_batch(self, job: dict[str, Any], status: str, exit_code: int | None) -> None:
        job.update(status=status, stoppedAt=self.aws.clock.ms())
        job.setdefault("statusReason", "Essential container in task exited")
        if exit_code is not None:
            job["container"] = {"exitCode": exit_code}
        self._announce_batch(job)

    def _lose_host(self, job: dict[str, Any]) -> None:
        job["attempts"] = [*job["attempts"], {"stoppedAt": self.aws.clock.ms()}]
        if len(job["attempts"]) < BATCH_TRIES:
            job.update(status="RUNNABLE")
            return
        job["statusReason"] = "Host EC2 (instance i-1) terminated."
        self._end_batch(job, "FAILED", None)

    def _announce_batch(self, job: dict[str, Any]) -> None:
        if job["status"] in ("RUNNING", "SUCCEEDED", "FAILED"):
            self._send({"source": "aws.batch", "detail": json.loads(json.dumps(job))})

    # EMR Serverless

    def start_spark_run(self, run: dict[str, Any]) -> None:
        assert run["state"] == "SCHEDULED"
        run.update(state="RUNNING", startedAt=self.aws.clock.now())
        self._begin(run["id"], self._named(run["name"]))
        self._announce_spark(run)

    def end_spark_run(self, run: dict[str, Any], outcome: str) -> None:
        assert run["state"] in ("RUNNING", "CANCELLING")
        self.working.pop(run["id"])
        run["endedAt"] = self.aws.clock.now()
        if run["state"] == "CANCELLING":
            run["state"] = "CANCELLED"
        elif outcome in (SUCCEEDS, REJECTS):
            self._leave_marker(self._named(run["name"]), Outcome.SUCCEEDED)
            run["state"] = "SUCCESS"
        else:
            code = {FAILS: "ExitCode: 1.", OUTAGE: "ExitCode: 75."}.get(outcome, "host lost")
            run.update(state="FAILED", stateDetails=f"Job failed. {code}")
        self._announce_spark(run)

    def _announce_spark(self, run: dict[str, Any]) -> None:
        if not self.drops_spark_events:
            detail = {"applicationId": "application", "jobRunId": run["id"]}
            self._send({"source": "aws.emr-serverless", "detail": detail})

    # What the work leaves

    def _leave_normalized(self, name: AttemptName, rejected: bool) -> None:
        problem = Problem("truncated", "The file ends too early.") if rejected else None
        if not rejected:
            metrics = NormalizeMetrics(2, 1.0, 2.0, "cpu", "", 26, 26, 0, columns={})
            self.files.write(metrics, name, METRICS_NAME)
        outcome = Outcome.REJECTED if rejected else Outcome.SUCCEEDED
        self._leave_marker(name, outcome, problem)

    def _leave_marker(
        self, name: AttemptName, outcome: Outcome, problem: Problem | None = None
    ) -> None:
        time = iso(self.aws.clock.now())
        marker = Marker(
            job_id=name.job_id,
            stage=name.stage,
            attempt=name.number,
            outcome=outcome,
            started_at=time,
            finished_at=time,
            files=(OutputFile("normalized/part-0.parquet", 1, "", rows=2),),
            error=problem,
        )
        self.files.write(marker, name, MARKER_NAME)

    # What must always hold

    def _named(self, name: str) -> AttemptName:
        parsed = AttemptName.parse(name)
        assert parsed is not None
        return parsed

    def _begin(self, work_id: str, name: AttemptName) -> None:
        others = [
            other
            for other in self.working.values()
            if (other.job_id, other.stage) == (name.job_id, name.stage)
        ]
        assert not others, f"{name} works while {others} does"
        job = self.saved[name.job_id]
        assert not job.status.is_end, f"{name} begins though {job.job_id} is {job.status}"
        self.working[work_id] = name
        self.has_worked.setdefault(str(name), []).append(work_id)

    def _check_jobs(self) -> None:
        for job_id, item in self.aws.items.items():
            before = self.saved.get(job_id)
            if before is not None and before.version == item["version"]:
                continue
            job = self.store.get(job_id)
            if (
                before is not None
                and replace(job, version=before.version, duplicate_events=before.duplicate_events)
                != before
            ):
                assert not before.status.is_end, f"{before.status} became {job.status}"
                assert job.status.rank >= before.status.rank
            open_attempts = [a for a in job.attempts if not a.state.is_end]
            assert len(open_attempts) <= 1
            if job.status.is_end:
                assert not open_attempts
            if job.status is Status.CANCELLED:
                working = [str(n) for n in self.working.values() if n.job_id == job_id]
                assert not working, f"{job_id} is CANCELLED while {working} works"
            self._check_history(job)
            self.saved[job_id] = job

    def _check_history(self, job: Job) -> None:
        events = [line.event for line in job.history if line.subject == "job"]
        statuses = [Status(event) for event in events if event in set(Status)]
        ranks = [status.rank for status in statuses]
        assert ranks == sorted(set(ranks)), f"history {statuses}"
        assert statuses[-1] is job.status
