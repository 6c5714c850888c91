from __future__ import annotations

from dataclasses import replace

import numpy
import pyarrow
import pytest
from py4j.protocol import Py4JJavaError

from spark_jobs.errors import in_one_line
from spark_jobs.rdd_pipeline import summarise, task_count
from tests.spark_jobs.oracle import assert_agree, expected_summary


@pytest.fixture
def table():
    random = numpy.random.default_rng(4)
    x, y = random.normal(size=(2, 60))
    return pyarrow.table({"x": x, "y": x + y, "g": [str(index // 7) for index in range(60)]})


def tasks_of(session, spec, name):
    """How many tasks read the row groups, and the summary that they made."""
    session.sparkContext.setJobGroup(name, name)
    summary = summarise(session, spec)
    tracker = session.sparkContext.statusTracker()
    (job,) = tracker.getJobIdsForGroup(name)
    stages = [tracker.getStageInfo(stage) for stage in tracker.getJobInfo(job).stageIds]
    return max(stage.numTasks for stage in stages), summary


@pytest.mark.parametrize(
    ("row_groups", "cores", "tasks"),
    [(1, 2, 1), (2, 2, 2), (39, 2, 2), (48, 2, 3), (96, 2, 6), (1000, 2, 6), (1000, 100, 100)],
)
def test_there_are_a_few_tasks_for_each_core_when_there_is_enough_to_do(row_groups, cores, tasks):
    assert task_count(row_groups, cores) == tasks


@pytest.mark.parametrize(("row_group_size", "tasks"), [(60, 1), (15, 2), (2, 2)])
def test_there_are_no_more_tasks_than_row_groups(
    spark_session, spec_of, table, row_group_size, tasks
):
    spec = spec_of(table, group_by="g", row_group_size=row_group_size)
    found, summary = tasks_of(spark_session, spec, f"in row groups of {row_group_size}")
    assert found == tasks
    assert_agree(summary, expected_summary(spec, table, table["g"].to_pylist()))


def test_a_task_goes_from_one_part_to_the_next(spark_session, spec_of, table):
    parts = [table.slice(start, 10) for start in range(0, 60, 10)]
    spec = spec_of(*parts, group_by="g", row_group_size=7)
    found = summarise(spark_session, spec)
    assert_agree(found, expected_summary(spec, table, table["g"].to_pylist()))


def test_a_missing_part_is_found_before_there_is_any_task(spark_session, spec_of, table):
    spec = spec_of(table)
    missing = spec.inputs[0].replace("part-00000", "part-00001")
    with pytest.raises(FileNotFoundError):
        summarise(spark_session, replace(spec, inputs=(*spec.inputs, missing)))


def test_an_error_in_a_worker_is_told_in_the_workers_words(spark_session, spec_of, table):
    spec = replace(spec_of(table), columns=("x", "absent"))
    with pytest.raises(Py4JJavaError) as caught:
        summarise(spark_session, spec)
    assert "absent" in in_one_line(caught.value)
    assert in_one_line(caught.value).startswith("KeyError: ")
