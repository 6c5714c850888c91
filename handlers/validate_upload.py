"""Where uploads arrive: S3's notifications, and the coordinator's word that a folder may be whole.

{"Records": [{"s3": …}, …]}    objects were created in the ingest bucket
{"settle": DatasetArriving}    look again at a folder that was still arriving
"""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from contracts.codec import from_plain
from pipeline.bootstrap import intake
from pipeline.dataset.identity import Upload
from pipeline.intake import Intake
from pipeline.messages import DatasetArriving
from pipeline.model import Job, Stage
from pipeline.settings import ValidateSettings, from_environment

logger = Logger(service="validate_upload")


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> None:
    """Take in what the event tells of. Raises what AWS raised, after all records had their turn.

    S3's test event has neither member and means nothing.
    """
    validation = intake(from_environment(ValidateSettings))
    if "settle" in event:
        _log(validation.settle(from_plain(DatasetArriving, event["settle"])))
    failures = []
    for record in event.get("Records", []):
        try:
            _take(validation, record)
        except Exception as error:
            logger.exception("not validated", stage=Stage.VALIDATE.value, record=record["s3"])
            failures.append(error)
    if len(failures) == 1:
        raise failures[0]
    if failures:
        raise ExceptionGroup("some uploads were not validated", failures)


def _take(validation: Intake, record: dict[str, Any]) -> None:
    upload = Upload.of_record(record)
    if upload.starts_job:
        _log(validation.take(upload, record["eventTime"]))
    else:
        logger.info("starts no job", key=upload.key)


def _log(job: Job) -> None:
    logger.info(
        "validation",
        job_id=job.job_id,
        stage=Stage.VALIDATE.value,
        status=job.status.value,
        source=job.source.key,
        error=job.error.code if job.error else None,
    )
