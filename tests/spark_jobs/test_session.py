from __future__ import annotations

from spark_jobs.session import SETTINGS, open_session, seconds_since_start


def test_the_session_has_the_settings_that_the_pipelines_need(spark_session):
    assert {name: spark_session.conf.get(name) for name in SETTINGS} == SETTINGS


def test_a_shuffle_has_as_many_partitions_as_there_are_cores(spark_session):
    assert spark_session.sparkContext.defaultParallelism == 2
    assert spark_session.conf.get("spark.sql.shuffle.partitions") == "2"


def test_a_scan_has_a_few_partitions_for_each_core(spark_session):
    assert spark_session.conf.get("spark.sql.files.minPartitionNum") == "6"


def test_a_session_that_is_open_is_taken_again(spark_session):
    assert open_session("another name") is spark_session


def test_the_time_since_the_start_goes_on(spark_session):
    earlier = seconds_since_start(spark_session)
    assert 0 < earlier <= seconds_since_start(spark_session) < 3600
