import pytest

from local.compute.utilization import Worker, billed, total, workers

CONF = {
    "spark.driver.cores": "2",
    "spark.driver.memory": "4g",
    "spark.executor.cores": "4",
    "spark.executor.memory": "8g",
    "spark.executor.instances": "2",
}


def test_memory_counts_with_its_overhead_in_whole_gigabytes() -> None:
    assert workers(CONF) == [Worker(2, 5), Worker(4, 9), Worker(4, 9)]


def test_a_small_worker_has_the_least_overhead() -> None:
    assert Worker.of("driver", {"spark.driver.memory": "1024m"}) == Worker(4, 2)
    given = {"spark.driver.memory": "1g", "spark.driver.memoryOverhead": "2048"}
    assert Worker.of("driver", given) == Worker(4, 3)


def test_emrs_defaults_are_four_workers_of_four_cores() -> None:
    assert workers({}) == [Worker(4, 16)] * 4


def test_what_was_used_is_rounded_up_to_a_second() -> None:
    assert total(workers(CONF), 1799.2) == {
        "vCPUHour": 5.0,
        "memoryGBHour": 11.5,
        "storageGBHour": 30.0,
    }


def test_a_worker_is_billed_for_a_minute_at_least_and_not_for_its_first_disk() -> None:
    assert billed(workers(CONF), 7) == {
        "vCPUHour": round(10 / 60, 3),
        "memoryGBHour": round(23 / 60, 3),
        "storageGBHour": 0.0,
    }
    assert billed(workers(CONF), 3600)["vCPUHour"] == 10


def test_a_size_that_cannot_be_read_is_an_error() -> None:
    with pytest.raises(ValueError, match="not a memory size"):
        workers({"spark.driver.memory": "lots"})
