"""The operations of AWS Batch that the project uses."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from local.compute import batch_job
from local.compute.arns import Arns
from local.compute.batch_runner import KIND, BatchRunner, now_ms
from local.compute.errors import AwsError, refuse_unserved
from local.compute.protocol import Handler, page
from local.compute.store import Document, Store

CLIENT_ERROR = "ClientException"

_DEFINITION, _QUEUE = "batch-job-definition", "batch-job-queue"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")
_UNSERVED_IN_DEFINITIONS = ("nodeProperties", "ecsProperties", "eksProperties")
_UNSERVED_IN_JOBS = (
    "arrayProperties",
    "dependsOn",
    "nodeOverrides",
    "ecsPropertiesOverride",
    "eksPropertiesOverride",
    "consumableResourcePropertiesOverride",
)


class BatchService:
    """One method for each operation; each takes and returns the model's structures."""

    def __init__(self, store: Store, runner: BatchRunner, arns: Arns) -> None:
        self._store = store
        self._runner = runner
        self._arns = arns

    def handlers(self) -> Mapping[str, Handler]:
        return {
            "RegisterJobDefinition": self.register_job_definition,
            "DescribeJobDefinitions": self.describe_job_definitions,
            "CreateJobQueue": self.create_job_queue,
            "DescribeJobQueues": self.describe_job_queues,
            "SubmitJob": self.submit_job,
            "DescribeJobs": self.describe_jobs,
            "ListJobs": self.list_jobs,
            "CancelJob": self.cancel_job,
            "TerminateJob": self.terminate_job,
        }

    def register_job_definition(self, request: Document) -> Document:
        refuse_unserved(CLIENT_ERROR, request, _UNSERVED_IN_DEFINITIONS)
        name = _checked_name("Job definition name", request["jobDefinitionName"])
        if not request.get("containerProperties", {}).get("command"):
            # The laptop has no image whose own command could be taken.
            raise AwsError(CLIENT_ERROR, "containerProperties.command must be given")
        with self._store.transaction():
            revision = 1 + len(self._definitions(name))
            definition = {
                **request,
                "jobDefinitionArn": self._arns.batch("job-definition", f"{name}:{revision}"),
                "revision": revision,
                "status": "ACTIVE",
                "containerOrchestrationType": "ECS",
            }
            self._store.put(_DEFINITION, f"{name}:{revision}", definition)
        return definition

    def describe_job_definitions(self, request: Document) -> Document:
        definitions = self._store.all(_DEFINITION)
        if "jobDefinitionName" in request:
            definitions = self._definitions(request["jobDefinitionName"])
        if "jobDefinitions" in request:
            wanted = {name.rpartition("/")[2] for name in request["jobDefinitions"]}
            definitions = [
                definition
                for definition in definitions
                if wanted & {definition["jobDefinitionName"], _short_name(definition)}
            ]
        if "status" in request:
            definitions = [d for d in definitions if d["status"] == request["status"]]
        return _page("jobDefinitions", definitions, request, size=100)

    def create_job_queue(self, request: Document) -> Document:
        name = _checked_name("Job queue name", request["jobQueueName"])
        queue = {
            "state": "ENABLED",
            **request,
            "jobQueueArn": self._arns.batch("job-queue", name),
            "status": "VALID",
        }
        with self._store.transaction():
            if self._store.get(_QUEUE, name):
                raise AwsError(CLIENT_ERROR, "Object already exists")
            self._store.put(_QUEUE, name, queue)
        return queue

    def describe_job_queues(self, request: Document) -> Document:
        queues = self._store.all(_QUEUE)
        if "jobQueues" in request:
            wanted = {name.rpartition("/")[2] for name in request["jobQueues"]}
            queues = [queue for queue in queues if queue["jobQueueName"] in wanted]
        return _page("jobQueues", queues, request, size=100)

    def submit_job(self, request: Document) -> Document:
        refuse_unserved(CLIENT_ERROR, request, _UNSERVED_IN_JOBS)
        _checked_name("Job name", request["jobName"])
        queue = self._queue(request["jobQueue"])
        definition = self._definition(request["jobDefinition"])
        job = batch_job.new_job(request, definition, queue["jobQueueArn"], self._arns, now_ms())
        self._runner.accept(job)
        return job

    def describe_jobs(self, request: Document) -> Document:
        found = [self._store.get(KIND, job_id) for job_id in request["jobs"]]
        return {"jobs": [job for job in found if job]}

    def list_jobs(self, request: Document) -> Document:
        refuse_unserved(CLIENT_ERROR, request, ("arrayJobId", "multiNodeJobId"))
        queue = self._queue(request.get("jobQueue", ""))
        jobs = [job for job in self._store.all(KIND) if job["jobQueue"] == queue["jobQueueArn"]]
        if filters := request.get("filters"):
            pattern = _name_pattern(filters)
            jobs = [job for job in jobs if pattern.fullmatch(job["jobName"])]
        else:
            status = request.get("jobStatus", "RUNNING")
            jobs = [job for job in jobs if job["status"] == status]
        return _page("jobSummaryList", jobs, request, size=100 if filters else 1000)

    def cancel_job(self, request: Document) -> Document:
        """Ends a job that waits; one that is STARTING or further stays as it is, as on AWS."""
        with self._store.transaction():
            job = self._job(request["jobId"])
            if job["status"] in batch_job.WAITING:
                self._end_waiting(job, request["reason"])
        return {}

    def terminate_job(self, request: Document) -> Document:
        with self._store.transaction():
            job = self._job(request["jobId"])
            if job["status"] in batch_job.ENDED:
                return {}
            job["isTerminated"] = True
            if job["status"] in batch_job.WAITING:
                self._end_waiting(job, request["reason"])
            else:
                job["statusReason"] = request["reason"]
                self._store.put(KIND, job["jobId"], job)
        self._runner.terminate(job["jobId"])
        return {}

    def _end_waiting(self, job: Document, reason: str) -> None:
        job.update(status="FAILED", statusReason=reason, isCancelled=True, stoppedAt=now_ms())
        self._runner.save(job)

    def _definitions(self, name: str) -> list[Document]:
        return [d for d in self._store.all(_DEFINITION) if d["jobDefinitionName"] == name]

    def _definition(self, name_or_arn: str) -> Document:
        """By name (its latest revision), `name:revision` or ARN."""
        name, _, revision = name_or_arn.rpartition("/")[2].partition(":")
        for definition in self._definitions(name):
            if revision in ("", str(definition["revision"])):
                return definition
        raise AwsError(
            CLIENT_ERROR, f"JobDefinition {name_or_arn} does not exist or is not in ACTIVE status"
        )

    def _queue(self, name_or_arn: str) -> Document:
        queue = self._store.get(_QUEUE, name_or_arn.rpartition("/")[2])
        if queue is None:
            raise AwsError(CLIENT_ERROR, f"JobQueue {name_or_arn} not found.")
        return queue

    def _job(self, job_id: str) -> Document:
        job = self._store.get(KIND, job_id)
        if job is None:
            raise AwsError(CLIENT_ERROR, f"Job {job_id} does not exist")
        return job


def _checked_name(what: str, name: str) -> str:
    if not _NAME.fullmatch(name):
        raise AwsError(CLIENT_ERROR, f"{what} should match valid pattern: {_NAME.pattern}")
    return name


def _short_name(definition: Document) -> str:
    return f"{definition['jobDefinitionName']}:{definition['revision']}"


def _name_pattern(filters: list[dict[str, Any]]) -> re.Pattern[str]:
    if [filter_["name"] for filter_ in filters] != ["JOB_NAME"] or len(filters[0]["values"]) != 1:
        raise AwsError(CLIENT_ERROR, "filters: one JOB_NAME with one value is served")
    name = filters[0]["values"][0]
    prefix = name.removesuffix("*")
    return re.compile(re.escape(prefix) + (".*" if name != prefix else ""), re.IGNORECASE)


def _page(member: str, items: list[Document], request: Document, *, size: int) -> Document:
    items, token = page(items, request, size=size, error_code=CLIENT_ERROR)
    return {member: items, "nextToken": token}
