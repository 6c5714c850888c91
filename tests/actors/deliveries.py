"""What comes over the work queue, and how a job gets as far as that."""

import json
from typing import Any

from actors.system import Coordinator
from contracts.codec import to_plain
from contracts.spec import AnalyzeSpec
from pipeline.compute_names import AttemptName
from pipeline.job_events import DatasetValidated
from pipeline.messages import CheckJob, to_body
from pipeline.model import Totals
from tests.actors.world import NOW, Aws

NORMALIZE = AttemptName("job", "normalize", 1)
TOTALS = Totals(10, 5.0, 1.0, 0.01, 0.001, 2.0, True, "DataFrame is 2.0x faster")
VALIDATED = to_body(DatasetValidated("job"))
CHECK = to_body(CheckJob("job"))


def batch_event(status: str, batch_id: str, name: AttemptName = NORMALIZE, **detail: object) -> str:
    times = {"startedAt": 1_700_000_000_000, "stoppedAt": 1_700_000_002_000}
    told = {"jobName": str(name), "jobId": batch_id, "status": status, **times, **detail}
    return json.dumps({"source": "aws.batch", "detail": told})


def spark_event(aws: Aws, run_id: str) -> str:
    detail = {"applicationId": aws.settings.spark_application_id, "jobRunId": run_id}
    return json.dumps({"source": "aws.emr-serverless", "detail": detail})


def upload_event(key: str, version_id: str = "v1") -> dict[str, Any]:
    """S3's notification; it encodes the key."""
    told = {"key": key, "size": 10, "versionId": version_id}
    return {"Records": [{"eventTime": NOW, "s3": {"bucket": {"name": "ingest"}, "object": told}}]}


RAISED = {"errorType": "KeyError", "errorMessage": "'no such'", "stackTrace": ["line 1"]}
DIED = {"errorType": "Runtime.ExitError", "errorMessage": "signal: killed"}


def function_failure(
    name: str, payload: dict[str, Any], response: dict[str, Any] | None, condition: str
) -> str:
    """The envelope that Lambda sends when a function has not done its work."""
    context = {"functionArn": f"arn:function:{name}", "condition": condition}
    told = {"requestContext": context, "requestPayload": payload, "responsePayload": response}
    return json.dumps(told)


def validation_failure(
    payload: dict[str, Any],
    response: dict[str, Any] | None = RAISED,
    condition: str = "RetriesExhausted",
) -> str:
    return function_failure("validate", payload, response, condition)


def analysis_failure(
    job_id: str, response: dict[str, Any] | None = RAISED, condition: str = "RetriesExhausted"
) -> str:
    spec = AnalyzeSpec(job_id, 1, "m", "n", "s", "app", "run", 1.0, 1.0, "o")
    return function_failure("analyze", to_plain(spec), response, condition)


def launched_normalization(actors: Coordinator, aws: Aws) -> str:
    actors.handle("first", VALIDATED)
    (batch_job,) = aws.batch_jobs()
    return str(batch_job["jobId"])


def launched_spark(actors: Coordinator, aws: Aws) -> str:
    batch_id = launched_normalization(actors, aws)
    aws.leave(NORMALIZE, warnings=("a row was kept aside",))
    actors.handle("second", batch_event("SUCCEEDED", batch_id))
    (run,) = aws.spark_runs()
    return str(run["jobRunId"])
