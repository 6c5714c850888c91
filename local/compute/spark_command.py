"""The `spark-submit` of one run: EMR Serverless' part of it, and the laptop's own."""

from __future__ import annotations

import importlib.util
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from local.compute.config import ComputeConfig
from local.compute.environment import job_environment
from local.compute.processes import Command
from local.compute.spark_parameters import SparkParameters
from local.compute.staging import Staging

# What is done here already, by unpacking the archives and by setting the driver's environment.
_HANDLED_HERE = ("spark.archives", "spark.emr-serverless.")


def stage_and_build(
    run_id: str,
    spark_submit: Mapping[str, Any],
    staging: Staging,
    config: ComputeConfig,
    java_options: list[str],
) -> Command:
    """Bring to the disk what the run names and return its command.

    `spark_submit` is the run's `jobDriver.sparkSubmit`. Its first argument, when it is an
    `s3://` URI, is a SparkSpec. Raises StagingFailed, and ValueError for parameters that cannot
    be read.
    """
    parameters = SparkParameters.parse(spark_submit.get("sparkSubmitParameters", ""))
    folder = config.folder.scratch(run_id)
    for uri, name in parameters.archives:
        staging.archive(uri, name)
    entry_point = staging.replace_uris(spark_submit["entryPoint"])
    arguments = list(spark_submit.get("entryPointArguments", []))
    if arguments and arguments[0].startswith("s3://"):
        arguments[0] = staging.spec(arguments[0])
    conf = {
        name: staging.replace_uris(value)
        for name, value in parameters.conf.items()
        if not name.startswith(_HANDLED_HERE)
    }
    if parameters.main_class:
        arguments = ["--class", parameters.main_class, entry_point, *arguments]
    else:
        arguments = [entry_point, *arguments]
    return Command(
        arguments=(*spark_submit_arguments(config, folder, conf, java_options), *arguments),
        environment={**spark_environment(config, folder), **parameters.driver_environment},
        folder=folder,
        stdout=config.folder.emr_log(run_id, "stdout"),
        stderr=config.folder.emr_log(run_id, "stderr"),
    )


def spark_submit_arguments(
    config: ComputeConfig, folder: Path, conf: Mapping[str, str], java_options: list[str]
) -> list[str]:
    """`spark-submit` with `conf`, for one JVM that has the laptop's cores and memory."""
    java_options = [
        *java_options,
        # A heap of this size on few cores: the collector that costs least to start.
        "-XX:+UseSerialGC",
        # Room for Spark's classes, or making it step by step takes four full collections.
        "-XX:MetaspaceSize=256m",
        # Over many rows the heap would stay so small that each run collects it whole.
        *("-XX:MinHeapFreeRatio=80", "-XX:MaxHeapFreeRatio=90"),
        "-XX:-UsePerfData",
        f"-Djava.io.tmpdir={folder}",
    ]
    platform = {
        "spark.ui.enabled": "false",
        "spark.driver.defaultJavaOptions": shlex.join(java_options),
    }
    settings = {**conf, **platform}.items()
    return [
        str(spark_home() / "bin" / "spark-submit"),
        *(word for name, value in settings for word in ("--conf", f"{name}={value}")),
        *("--master", f"local[{config.spark_cores}]"),
        *("--driver-memory", config.spark_driver_memory),
    ]


def spark_environment(config: ComputeConfig, folder: Path) -> dict[str, str]:
    """The variables of a Spark driver that works in `folder`."""
    return {
        **job_environment(config, folder),
        "JAVA_HOME": str(config.java_home),
        "SPARK_HOME": str(spark_home()),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_LOCAL_DIRS": str(folder),
        "PYSPARK_PYTHON": sys.executable,
        "PYSPARK_DRIVER_PYTHON": sys.executable,
    }


def spark_home() -> Path:
    """Where the installed pyspark keeps Spark."""
    spec = importlib.util.find_spec("pyspark")
    if spec is None or spec.origin is None:
        raise RuntimeError("pyspark is not installed")
    return Path(spec.origin).parent
