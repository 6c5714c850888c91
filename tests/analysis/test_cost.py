import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.cost import (
    SPARK_DRIVER_VCPUS,
    SPARK_GB_PER_VCPU,
    batch_charge,
    cost_report,
    function_charge,
    spark_charge,
)
from analysis.prices import PRICES, PRICES_AS_OF, prices_for
from contracts.billing import BilledResources
from contracts.report import Basis
from pipeline.compute import SPARK_SIZE

PRICE_LISTS = st.sampled_from(PRICES)
AMOUNTS = st.floats(0, 1e6)
VIRGINIA = prices_for("us-east-1")


def test_a_gpu_job_costs_its_time_on_the_instance():
    charge = batch_charge(1800, True, VIRGINIA)

    assert charge.usd == pytest.approx(0.263)
    assert charge.basis is Basis.ESTIMATED
    assert charge.detail == "1800.0 s of g4dn.xlarge at $0.526 an hour"


def test_a_cpu_job_costs_what_it_reserves_on_fargate():
    charge = batch_charge(3600, False, VIRGINIA)

    assert charge.usd == pytest.approx(4 * 0.04048 + 16 * 0.004445)
    assert charge.detail == "3600.0 s of Fargate with 4 vCPUs and 16 GB at $0.233 an hour"


def test_spark_costs_what_emr_serverless_bills():
    charge = spark_charge(BilledResources(10, 40, 5), seconds=99, executor_vcpus=8, prices=VIRGINIA)

    assert charge.usd == pytest.approx(10 * 0.052624 + 40 * 0.0057785 + 5 * 0.000111)
    assert charge.basis is Basis.BILLED


def test_spark_is_estimated_while_nothing_is_billed():
    charge = spark_charge(None, seconds=3600, executor_vcpus=8, prices=VIRGINIA)

    assert charge.usd == pytest.approx(10 * 0.052624 + 23 * 0.0057785)
    assert charge.basis is Basis.ESTIMATED


def test_the_estimate_counts_the_driver_that_the_coordinator_asks_for():
    assert str(SPARK_DRIVER_VCPUS) == SPARK_SIZE["spark.driver.cores"]


def test_the_estimate_counts_the_memory_that_the_coordinator_asks_for():
    executors = int(SPARK_SIZE["spark.executor.instances"])
    vcpus = SPARK_DRIVER_VCPUS + executors * int(SPARK_SIZE["spark.executor.cores"])
    driver, executor = (
        math.ceil(1.1 * int(SPARK_SIZE[f"spark.{worker}.memory"].removesuffix("g")))
        for worker in ("driver", "executor")
    )
    assert SPARK_GB_PER_VCPU * vcpus == pytest.approx(driver + executors * executor)


def test_a_function_costs_its_memory_seconds_and_a_request():
    charge = function_charge(2.0, 512, VIRGINIA)

    assert charge.usd == pytest.approx(0.0000166667 + 0.0000002)
    assert charge.basis is Basis.ESTIMATED


def test_the_total_is_the_sum_of_the_stages_and_is_shared_by_the_records():
    charges = {
        "normalize": batch_charge(60, True, VIRGINIA),
        "spark": spark_charge(BilledResources(1, 4, 0), 60, 8, VIRGINIA),
    }

    cost = cost_report(charges, 1000, VIRGINIA)

    assert cost.total_usd == pytest.approx(sum(stage.usd for stage in cost.by_stage.values()))
    assert cost.per_record_usd == pytest.approx(cost.total_usd / 1000)
    assert cost.by_stage["spark"].per_record_usd == cost.by_stage["spark"].usd / 1000
    assert (cost.region, cost.prices_as_of) == ("us-east-1", PRICES_AS_OF)


def test_no_records_cost_nothing_each():
    cost = cost_report({"normalize": batch_charge(60, True, VIRGINIA)}, 0, VIRGINIA)

    assert cost.per_record_usd == 0
    assert cost.total_usd > 0


@given(PRICE_LISTS, AMOUNTS, st.booleans())
def test_twice_the_time_costs_twice_as_much_on_batch(prices, seconds, on_gpu_queue):
    once = batch_charge(seconds, on_gpu_queue, prices).usd

    assert once >= 0
    assert batch_charge(2 * seconds, on_gpu_queue, prices).usd == pytest.approx(2 * once)


@given(PRICE_LISTS, AMOUNTS, AMOUNTS, AMOUNTS)
def test_twice_the_resources_cost_twice_as_much_on_emr(prices, vcpu, memory, storage):
    once = spark_charge(BilledResources(vcpu, memory, storage), 0, 1, prices).usd
    twice = spark_charge(BilledResources(2 * vcpu, 2 * memory, 2 * storage), 0, 1, prices).usd

    assert once >= 0
    assert twice == pytest.approx(2 * once)


@given(PRICE_LISTS, AMOUNTS, st.integers(1, 64))
def test_an_estimated_run_costs_by_its_time_and_size(prices, seconds, vcpus):
    driver = spark_charge(None, seconds, 0, prices).usd
    once = spark_charge(None, seconds, vcpus, prices).usd
    bigger = spark_charge(None, seconds, 2 * vcpus, prices).usd

    assert 0 <= driver <= once
    assert bigger - driver == pytest.approx(2 * (once - driver))
    assert spark_charge(None, 2 * seconds, vcpus, prices).usd == pytest.approx(2 * once)
