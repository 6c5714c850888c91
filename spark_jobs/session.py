"""The Spark session that all scripts work in."""

from __future__ import annotations

import time
from typing import Any

from pyspark.sql import SparkSession

SETTINGS = {
    # The executors are all there before the first run and stay, or the runs could not be compared.
    "spark.dynamicAllocation.enabled": "false",
    "spark.scheduler.minRegisteredResourcesRatio": "1.0",
    # A correlation with a constant is null, not a division by zero.
    "spark.sql.ansi.enabled": "false",
    # Parquet tells `a` from `A`.
    "spark.sql.caseSensitive": "true",
    # All shuffles are of partial aggregates, small whatever the input: nothing to adapt to.
    "spark.sql.adaptive.enabled": "false",
    # The least that makes a task of its own; with the usual 4 MiB most files would be one task.
    "spark.sql.files.openCostInBytes": "1048576",
    # A zstd stream has a finalizer, so until a second collection it keeps the buffers that it read
    # from: of the usual 8 MiB each, a row group of all columns.
    "spark.hadoop.parquet.read.allocation.size": "1048576",
    # An aggregation of many columns is compiled as a whole too; the default gives up at 100.
    "spark.sql.codegen.maxFields": "1000",
    # The only thing that Spark would warn of: that it abbreviates the plans it does not show.
    "spark.sql.debug.maxToStringFields": "1000",
}
"""What the pipelines mean and need. Where Spark runs, and how big, is the platform's to set."""


TASKS_PER_CORE = 3
"""A core that is done early takes over from one that is late."""


def open_session(name: str) -> SparkSession:
    """A session that has answered its first job, so all of its executors are there."""
    builder = SparkSession.builder.appName(name)
    for key, value in SETTINGS.items():
        builder = builder.config(key, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("WARN")
    session.range(1).count()
    partitions = session.sparkContext.defaultParallelism
    session.conf.set("spark.sql.shuffle.partitions", str(partitions))
    session.conf.set("spark.sql.files.minPartitionNum", str(TASKS_PER_CORE * partitions))
    return session


def seconds_since_start(session: SparkSession) -> float:
    """How long ago the driver's JVM, which spark-submit starts first, came into being."""
    jvm: Any = session.sparkContext._jvm
    runtime = jvm.java.lang.management.ManagementFactory.getRuntimeMXBean()
    return time.time() - float(runtime.getStartTime()) / 1000
