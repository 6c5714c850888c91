"""The operations of EMR Serverless that the project uses."""

from __future__ import annotations

import time
from collections.abc import Mapping

from local.compute import emr_job_run, utilization
from local.compute.arns import Arns
from local.compute.emr_runner import KIND, EmrRunner
from local.compute.errors import AwsError, refuse_unserved
from local.compute.protocol import Handler, page
from local.compute.store import Document, Store

VALIDATION_ERROR = "ValidationException"

_APPLICATION, _TOKEN = "emr-application", "emr-client-token"
_SHORTEST_TIMEOUT_MINUTES = 5


class EmrService:
    """One method for each operation; each takes and returns the model's structures."""

    def __init__(self, store: Store, runner: EmrRunner, arns: Arns) -> None:
        self._store = store
        self._runner = runner
        self._arns = arns

    def handlers(self) -> Mapping[str, Handler]:
        return {
            "CreateApplication": self.create_application,
            "GetApplication": self.get_application,
            "ListApplications": self.list_applications,
            "StartJobRun": self.start_job_run,
            "GetJobRun": self.get_job_run,
            "ListJobRuns": self.list_job_runs,
            "CancelJobRun": self.cancel_job_run,
        }

    def create_application(self, request: Document) -> Document:
        if request["type"].upper() != "SPARK":
            raise AwsError(VALIDATION_ERROR, f"Unsupported engine {request['type']}")
        application_id, now = emr_job_run.new_id(), time.time()
        application = {
            **request,
            "applicationId": application_id,
            "arn": self._arns.application(application_id),
            "type": "Spark",
            "state": "CREATED",
            "createdAt": now,
            "updatedAt": now,
        }
        with self._store.transaction():
            known = self._known(f"application/{request['clientToken']}", request)
            if known:
                return self._application(known)
            self._remember(f"application/{request['clientToken']}", request, application_id)
            self._store.put(_APPLICATION, application_id, application)
        return application

    def get_application(self, request: Document) -> Document:
        return {"application": self._application(request["applicationId"])}

    def list_applications(self, request: Document) -> Document:
        applications = [
            {**application, "id": application["applicationId"]}
            for application in self._store.all(_APPLICATION)
            if application["state"] in request.get("states", [application["state"]])
        ]
        applications, token = page(applications, request, size=50, error_code=VALIDATION_ERROR)
        return {"applications": applications, "nextToken": token}

    def start_job_run(self, request: Document) -> Document:
        """The same client token and request again is the same run; other requests conflict."""
        _check_run_request(request)
        application_id = request["applicationId"]
        token = f"{application_id}/{request['clientToken']}"
        with self._store.transaction():
            application = self._application(application_id)
            known = self._known(token, request)
            if known:
                return self._run(application_id, known)
            run = emr_job_run.new_run(request, application, self._arns, time.time())
            self._remember(token, request, run["jobRunId"])
            self._store.put(_APPLICATION, application_id, {**application, "state": "STARTED"})
            self._store.put(KIND, run["jobRunId"], run)
            self._runner.move(self._runner.move(run, "PENDING"), "SCHEDULED")
        self._runner.enqueue(run)
        return run

    def get_job_run(self, request: Document) -> Document:
        return {"jobRun": self._run(request["applicationId"], request["jobRunId"])}

    def list_job_runs(self, request: Document) -> Document:
        self._application(request["applicationId"])
        runs = [
            {**run, "id": run["jobRunId"], "type": "SPARK_SUBMIT"}
            for run in self._store.all(KIND)
            if run["applicationId"] == request["applicationId"] and _is_asked_for(run, request)
        ]
        runs, token = page(runs, request, size=50, error_code=VALIDATION_ERROR)
        return {"jobRuns": runs, "nextToken": token}

    def cancel_job_run(self, request: Document) -> Document:
        with self._store.transaction():
            run = self._run(request["applicationId"], request["jobRunId"])
            if run["state"] in emr_job_run.ENDED:
                raise AwsError(
                    VALIDATION_ERROR, f"Job run {run['jobRunId']} is already {run['state']}"
                )
            if run["state"] in emr_job_run.WAITING:
                self._runner.move(self._runner.move(run, "CANCELLING"), "CANCELLED")
            elif run["state"] == "RUNNING":
                self._runner.move(run, "CANCELLING")
        self._runner.terminate(run["jobRunId"])
        return run

    def _application(self, application_id: str) -> Document:
        application = self._store.get(_APPLICATION, application_id)
        if application is None:
            raise AwsError(
                "ResourceNotFoundException", f"Application {application_id} does not exist"
            )
        return application

    def _run(self, application_id: str, run_id: str) -> Document:
        run = self._store.get(KIND, run_id)
        if run is None or run["applicationId"] != application_id:
            raise AwsError("ResourceNotFoundException", f"JobRun {run_id} does not exist")
        return run

    def _known(self, token: str, request: Document) -> str | None:
        """The id that an earlier request with this token made. Raises AwsError if it differed."""
        known = self._store.get(_TOKEN, token)
        if known is None:
            return None
        if known["request"] != request:
            raise AwsError(
                "ConflictException", "the client token was used before, with other parameters"
            )
        return str(known["id"])

    def _remember(self, token: str, request: Document, made: str) -> None:
        self._store.put(_TOKEN, token, {"request": request, "id": made})


def _check_run_request(request: Document) -> None:
    refuse_unserved(VALIDATION_ERROR, request, ("executionIamPolicy", "retryPolicy"))
    overrides = request.get("configurationOverrides", {})
    refuse_unserved(VALIDATION_ERROR, overrides, ("applicationConfiguration",))
    refuse_unserved(VALIDATION_ERROR, request["jobDriver"], ("hive",))
    if request.get("mode", "BATCH") != "BATCH":
        raise AwsError(VALIDATION_ERROR, "mode must be BATCH")
    if 0 < request.get("executionTimeoutMinutes", 0) < _SHORTEST_TIMEOUT_MINUTES:
        raise AwsError(VALIDATION_ERROR, "RunTimeout must be at least 5 minutes.")
    try:
        utilization.workers(emr_job_run.parameters(request).conf)
    except ValueError as error:
        raise AwsError(VALIDATION_ERROR, f"sparkSubmitParameters: {error}") from error


def _is_asked_for(run: Document, request: Document) -> bool:
    after, before = request.get("createdAtAfter"), request.get("createdAtBefore")
    return (
        run["state"] in (request.get("states") or [run["state"]])
        and (after is None or run["createdAt"] > after.timestamp())
        and (before is None or run["createdAt"] < before.timestamp())
    )
