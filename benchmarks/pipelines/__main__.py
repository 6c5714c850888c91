"""Make the data, measure, and leave performance_analysis.json, .md and .png.

python -m benchmarks.pipelines --sizes 1000,1000000 --output out/compare
"""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.pipelines import data
from benchmarks.pipelines.analysis import find
from benchmarks.pipelines.measurements import (
    Dataset,
    OneMachineMeasurements,
    Plan,
    SparkMeasurements,
    read,
    write,
)
from benchmarks.pipelines.page import page
from benchmarks.pipelines.picture import draw
from local.compute.config import ComputeConfig
from local.compute.spark_command import spark_environment, spark_submit_arguments
from local.config import REPOSITORY
from local.toolchain import java_home
from spark_jobs.turns import say

DRIVER_MEMORY = "3g"
MOST_BASELINE_ROWS = 5_000_000
"""The baseline takes a quarter of a minute for each million on two cores."""


def main() -> int:
    # As an exception, so that the data are deleted.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    arguments = parse_arguments()
    output = arguments.output.resolve()
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output, prefix=".data-") as name:
        folder = Path(name)
        plan = Plan(
            tuple(make(folder, rows, arguments.seed) for rows in arguments.sizes),
            MOST_BASELINE_ROWS if arguments.baseline else 0,
        )
        write(plan, folder / "plan.json")
        for command, environment in (on_spark(folder), on_one_machine(folder)):
            with (output / "log.txt").open("a") as log:
                done = subprocess.run(command, cwd=REPOSITORY, env=environment, stderr=log)
            if done.returncode:
                say(f"a measuring process failed: {output / 'log.txt'} says why")
                return 1
        findings = find(
            read(SparkMeasurements, folder / "spark.json"),
            read(OneMachineMeasurements, folder / "one_machine.json"),
            columns=len(data.COLUMNS),
            command=shlex.join(["bigdata", "compare", *sys.argv[1:]]),
            measured_at=datetime.now(UTC).isoformat(timespec="seconds"),
        )
    write(findings, output / "performance_analysis.json")
    (output / "performance_analysis.md").write_text(page(findings), encoding="utf-8")
    draw(findings, output / "performance_analysis.png")
    return 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--sizes", required=True, type=lambda text: [int(n) for n in text.split(",")]
    )
    parser.add_argument("--output", required=True, type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--baseline", action="store_true")
    return parser.parse_args()


def make(folder: Path, rows: int, seed: int) -> Dataset:
    say(f"making {rows:,} rows")
    path = folder / f"{rows}.parquet"
    data.write_dataset(path, rows, seed)
    return Dataset(rows, str(path))


def on_spark(folder: Path) -> tuple[list[str], dict[str, str]]:
    """As the local cloud starts Spark, with a heap for more rows."""
    config = ComputeConfig(
        state_dir=folder,
        emulator_endpoint_url="",
        java_home=java_home(),
        spark_driver_memory=DRIVER_MEMORY,
    )
    script = str(Path(__file__).with_name("on_spark.py"))
    files = [str(folder / "plan.json"), str(folder / "spark.json")]
    command = [*spark_submit_arguments(config, folder, {}, []), script, *files]
    return command, {**spark_environment(config, folder), "PYTHONPATH": str(REPOSITORY)}


def on_one_machine(folder: Path) -> tuple[list[str], dict[str, str]]:
    """With a thread for each of Spark's cores."""
    module = "benchmarks.pipelines.on_one_machine"
    files = [str(folder / "plan.json"), str(folder / "one_machine.json")]
    cores = str(len(os.sched_getaffinity(0)))
    return [sys.executable, "-m", module, *files], {**os.environ, "POLARS_MAX_THREADS": cores}


if __name__ == "__main__":
    sys.exit(main())
