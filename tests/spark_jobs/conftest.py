"""One Spark session for all tests that need one, and Parquet parts to summarise in it."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy
import pyarrow.parquet
import pytest
from pyspark.sql import DataFrame, SparkSession

from contracts.spec import SparkSpec
from local.compute.spark_command import spark_home
from local.toolchain import java_home
from spark_jobs.dataframe_pipeline import read
from spark_jobs.session import open_session

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def spark_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """The scripts' own session on two cores; what Spark leaves on the disk is pytest's to clear."""
    folder = tmp_path_factory.mktemp("spark")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in spark_environment(folder).items():
            patch.setenv(name, value)
        patch.delenv("SPARK_CONF_DIR", raising=False)
        session = open_session("tests")
    yield session
    session.stop()


def spark_environment(folder: Path) -> dict[str, str]:
    """The variables of a Spark driver in this process, which works in `folder`."""
    java_options = (
        f"-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -XX:-UsePerfData -Djava.io.tmpdir={folder}"
    )
    settings = {
        "spark.ui.enabled": "false",
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        "spark.driver.defaultJavaOptions": java_options,
    }
    arguments = [word for setting in settings.items() for word in ("--conf", "=".join(setting))]
    return {
        "JAVA_HOME": str(java_home()),
        "SPARK_HOME": str(spark_home()),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_LOCAL_DIRS": str(folder),
        "PYSPARK_PYTHON": sys.executable,
        "PYSPARK_SUBMIT_ARGS": shlex.join([*arguments, "--master", "local[2]", "pyspark-shell"]),
        "PYTHONPATH": os.pathsep.join([str(REPOSITORY), os.environ.get("PYTHONPATH", "")]),
    }


@pytest.fixture
def spec_of(tmp_path: Path) -> Callable[..., SparkSpec]:
    """The spec of tables, each of which becomes a part.

    Every column of doubles or floats is summarised that does not group, unless `columns` says
    otherwise.
    """

    def make(
        *tables: Any,
        columns: tuple[str, ...] | None = None,
        group_by: str | None = None,
        row_group_size: int | None = None,
        **options: Any,
    ) -> SparkSpec:
        paths = [tmp_path / f"part-{index:05d}.parquet" for index in range(len(tables))]
        for table, path in zip(tables, paths, strict=True):
            pyarrow.parquet.write_table(table, path, row_group_size=row_group_size, **options)
        numbers = (pyarrow.float32(), pyarrow.float64())
        found = (field.name for field in tables[0].schema if field.type in numbers)
        return SparkSpec(
            job_id="job",
            attempt=1,
            inputs=tuple(path.as_uri() for path in paths),
            columns=columns or tuple(name for name in found if name != group_by),
            group_by=group_by,
            compare=True,
            rows=sum(map(len, tables)),
            output="s3://results/results/job/attempts/spark-1/",
        )

    return make


@pytest.fixture
def table() -> Any:
    """Forty rows of three columns with odd names, one of them narrow, in two groups."""
    x, y = numpy.random.default_rng(4).normal(size=(2, 40))
    return pyarrow.table({"x": x, "X": x + y, "a.b": y.astype("float32"), "g": ["a", None] * 20})


@pytest.fixture
def frame(spark_session: SparkSession, spec_of: Callable[..., SparkSpec], table: Any) -> DataFrame:
    """`table` as the DataFrame pipeline reads it."""
    return read(spark_session, spec_of(table, group_by="g"), pyarrow.string())
