"""What a job has had AWS do, in US dollars: also what came to nothing."""

from __future__ import annotations

from analysis.cost import batch_charge, spark_charge
from analysis.prices import Prices, prices_for
from pipeline.compute import SPARK_SIZE
from pipeline.model import Attempt, Job, Stage

EXECUTOR_VCPUS = int(SPARK_SIZE["spark.executor.cores"]) * int(
    SPARK_SIZE["spark.executor.instances"]
)


def spent_usd(job: Job, region: str) -> float | None:
    """For the Batch jobs and the Spark runs of the job's own attempts, at `region`'s list prices.

    None until the job has ended.
    """
    if not job.status.is_end:
        return None
    prices = prices_for(region)
    return sum(_usd(attempt, prices) for attempt in job.attempts if not attempt.origin)


def _usd(attempt: Attempt, prices: Prices) -> float:
    if attempt.stage is Stage.NORMALIZE:
        worked = attempt.seconds if attempt.worked_seconds is None else attempt.worked_seconds
        return batch_charge(worked, attempt.use_gpu, prices).usd
    if attempt.stage is Stage.SPARK:
        return spark_charge(attempt.billed, attempt.seconds, EXECUTOR_VCPUS, prices).usd
    return 0.0
