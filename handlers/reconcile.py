"""What no event told: has the coordinator check every job that has not ended, once a period.

Events of EMR Serverless are best effort, functions die, and messages come to the dead-letter
queue; a check asks AWS what has become of a job's work and takes up what was left undone.
"""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from pipeline.bootstrap import job_store, work_queue
from pipeline.messages import CheckJob
from pipeline.settings import ReconcileSettings, from_environment

logger = Logger(service="reconcile")

FEW = 100
"""So many messages are worked off within seconds."""


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> None:
    """Send a CheckJob for each unfinished job; a second one for the same job does no harm.

    A queue that is behind has word of most jobs already, and is given no more.
    """
    settings = from_environment(ReconcileSettings)
    queue = work_queue(settings.work_queue_url)
    job_ids = [job.job_id for job in job_store(settings.jobs_table).unfinished()]
    if (waiting := queue.waiting()) > max(len(job_ids), FEW):
        logger.warning("the queue is behind", waiting=waiting, jobs=len(job_ids))
        return
    for job_id in job_ids:
        queue.send(CheckJob(job_id))
    logger.info("reconciled", jobs=len(job_ids))
