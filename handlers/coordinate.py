"""The work queue's consumer: each message goes to the actors, each fails or succeeds by itself."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import (
    BatchProcessor,
    EventType,
    process_partial_response,
)
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from actors.system import Coordinator, coordinator
from pipeline.bootstrap import dead_letters
from pipeline.dead_letters import DeadLetters
from pipeline.errors import TryAgain
from pipeline.settings import MAX_RECEIVES, CoordinateSettings, from_environment

logger = Logger(service="coordinate")


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Handle a batch of queue messages; those that could not be handled are reported back."""
    settings = from_environment(CoordinateSettings)
    letters = dead_letters(settings.dead_letter_queue_url, settings.work_queue_url)
    processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
    with coordinator(settings) as coordination:
        return process_partial_response(
            event=event,
            record_handler=partial(_handle, coordination, letters, context.aws_request_id),
            processor=processor,
            context=context,
        )


def _handle(
    coordination: Coordinator, letters: DeadLetters, request_id: str, record: SQSRecord
) -> None:
    began = time.time()
    try:
        handled = coordination.handle(f"{request_id}/{record.message_id}", record.body)
    except TryAgain as error:
        if int(record.attributes.approximate_receive_count or 0) < MAX_RECEIVES:
            raise
        # SQS would bury it all the same, but without a word why.
        letters.bury(record.body, str(error))
        logger.error("given up", message_id=record.message_id, reason=str(error))
        return
    logger.info(
        "handled",
        job_id=handled.job_id,
        status=handled.status,
        waited_ms=round(began * 1000) - int(record.attributes.sent_timestamp),
        took_ms=round((time.time() - began) * 1000),
    )
