from dataclasses import replace

import pytest

from analysis.cost import batch_charge, spark_charge
from analysis.prices import prices_for
from contracts.billing import BilledResources
from handlers.spent import spent_usd
from pipeline.model import Attempt, AttemptState, Job, Source, Stage, Status

REGION = "us-east-1"
PRICES = prices_for(REGION)
TIME = "2026-11-25T10:00:00Z"
BILLED = BilledResources(0.5, 2.0, 0.0)


def attempt(stage: Stage, number: int, state: AttemptState, seconds: int) -> Attempt:
    ended = f"2026-11-25T10:00:{seconds:02d}Z"
    return Attempt(stage, number, state, TIME, started_at=TIME, finished_at=ended)


FAILED = replace(attempt(Stage.NORMALIZE, 1, AttemptState.FAILED, 20), use_gpu=True)
NORMALIZED = attempt(Stage.NORMALIZE, 2, AttemptState.SUCCEEDED, 30)
STOPPED = replace(attempt(Stage.SPARK, 1, AttemptState.STOPPED, 40), billed=BILLED)
SOURCE = Source("ingest", "input/a.csv", "v1", TIME)
JOB = Job("job", Status.CANCELLED, SOURCE, TIME, TIME, attempts=(FAILED, NORMALIZED, STOPPED))


def test_what_failed_and_what_was_stopped_counts_too() -> None:
    assert spent_usd(JOB, REGION) == pytest.approx(
        batch_charge(20, True, PRICES).usd
        + batch_charge(30, False, PRICES).usd
        + spark_charge(BILLED, 40, 8, PRICES).usd
    )


def test_of_a_batch_job_all_tries_count_and_no_waiting() -> None:
    repeated = replace(JOB, attempts=(replace(FAILED, worked_seconds=5.0),))
    assert spent_usd(repeated, REGION) == batch_charge(5, True, PRICES).usd
    never = replace(JOB, attempts=(replace(FAILED, worked_seconds=0.0),))
    assert spent_usd(never, REGION) == 0


def test_a_run_of_which_aws_does_not_say_what_it_bills_is_estimated() -> None:
    unknown = replace(JOB, attempts=(replace(STOPPED, billed=None),))
    assert spent_usd(unknown, REGION) == spark_charge(None, 40, 8, PRICES).usd > 0


def test_what_another_job_has_done_costs_this_one_nothing() -> None:
    reused = tuple(replace(each, origin="other") for each in JOB.attempts)
    assert spent_usd(replace(JOB, attempts=reused), REGION) == 0


def test_it_is_not_known_before_the_end() -> None:
    assert spent_usd(replace(JOB, status=Status.PROCESSING), REGION) is None
