"""`bigdata compare`: RDD against DataFrame over a range of sizes, and against one machine.

What measures and what is measured lie in benchmarks/pipelines and run in processes of their own,
so that this command line needs neither Spark nor the packages of the extra `bench`.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click
import psutil
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from cli.console import err, print_result, tell
from cli.errors import CliError
from cli.text import DASH, count, rate, seconds, size
from local.config import REPOSITORY
from local.toolchain import java_home
from local.undoing import undone_on_failure

SIZES = (1_000, 5_000, 10_000, 25_000, 1_000_000, 10_000_000)
SMALLEST_SIZE = 100
"""Each of the groups needs a few rows."""

PACKAGES = ("matplotlib", "polars")

DISK_BYTES_PER_ROW = 65
MEMORY_BYTES_PER_ROW = 200
"""While the data are made, and while Polars summarises them."""
MEMORY_BYTES_OF_SPARK = 3_000_000_000

Document = dict[str, Any]


class Sizes(click.ParamType[tuple[int, ...]]):
    """Numbers of rows, separated by commas."""

    name = "rows,rows,…"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        try:
            sizes = tuple(sorted({int(part.strip().replace("_", "")) for part in value.split(",")}))
        except ValueError:
            self.fail(f"{value!r} is not a list of whole numbers such as 1000,1000000", param, ctx)
        if sizes[0] < SMALLEST_SIZE:
            self.fail(f"a size is at least {SMALLEST_SIZE} rows, not {sizes[0]}", param, ctx)
        return sizes


@click.command(
    epilog="\b\nExamples:\n  bigdata compare\n  bigdata compare --sizes 1000,1000000 --baseline"
)
@click.option(
    "--sizes",
    type=Sizes(),
    default=SIZES,
    help=f"Numbers of rows, separated by commas.  [default: {','.join(map(str, SIZES))}]",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("out") / "compare",
    show_default=True,
)
@click.option("--seed", type=click.IntRange(min=0), default=0, help="Of the data.")
@click.option(
    "--baseline",
    is_flag=True,
    help="Up to five million rows, also an RDD of rows as Python objects.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the findings and nothing else.")
def compare(sizes: tuple[int, ...], output: Path, seed: int, baseline: bool, as_json: bool) -> None:
    """Compare the two Spark pipelines over a range of sizes.

    Each size is summarised by turns in one warm Spark session, and by Polars in one process on
    the same cores, which says from which size on Spark pays. It needs no cloud. The table, the
    picture and the numbers are left in the output folder.
    """
    _require_packages()
    java_home()
    _require_room(sizes, output)
    command = [sys.executable, "-m", "benchmarks.pipelines"]
    command += ["--sizes", ",".join(map(str, sizes)), "--output", str(output.resolve())]
    command += ["--seed", str(seed), *(["--baseline"] if baseline else [])]
    _run(command)
    text = (output / "performance_analysis.json").read_text()
    if as_json:
        click.echo(text)
        return
    print_result(findings_table(json.loads(text)))
    tell(f"the numbers, the table and the picture are in {output}/performance_analysis.*")


def findings_table(findings: Document) -> RenderableType:
    """The findings for people."""
    table = Table(box=None, padding=(0, 3, 0, 0), header_style="bold")
    engine = findings["engine"]
    speedup, throughputs = "DataFrame speed-up (95 %)", ("RDD throughput", "DataFrame throughput")
    for heading in ("Rows", "RDD", "DataFrame", speedup, *throughputs, engine):
        table.add_column(heading, justify="right")
    for found in findings["sizes"]:
        table.add_row(
            count(found["rows"]),
            seconds(found["rdd"]["median_s"]),
            seconds(found["dataframe"]["median_s"]),
            _speedup(found),
            rate(found["rdd"]["records_per_s"]),
            rate(found["dataframe"]["records_per_s"]),
            seconds(found["one_machine"]["median_s"]),
        )
    return Group(table, Text(), *(Text(line) for line in _said(findings)))


def _said(findings: Document) -> Sequence[str]:
    lines = []
    for found in findings["sizes"]:
        line = f"{count(found['rows'], 'row')}: {found['verdict']}"
        if found["over_baseline"] is not None:
            line += f" RDD is {found['over_baseline']:.3g}x as fast as a row at a time."
        if not found["agree"]:
            line += " The summaries differ."
        lines.append(line)
    return [*lines, findings["verdict"]]


def _speedup(found: Document) -> str:
    if found["speedup"] is None:
        return DASH
    low, high = found["ci95"] or (None, None)
    interval = f" ({low:.2f} to {high:.2f})" if low is not None else ""
    return f"{found['speedup']:.2f}{interval}"


def _require_packages() -> None:
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise CliError(f"{' and '.join(missing)} are needed to compare: run `make compare-tools`")


def _require_room(sizes: Sequence[int], output: Path) -> None:
    """Raises CliError when the data do not fit on the disk or into memory."""
    there = next(f for f in (output.resolve(), *output.resolve().parents) if f.exists())
    needed, free = sum(sizes) * DISK_BYTES_PER_ROW, shutil.disk_usage(there).free
    if needed > free:
        raise CliError(f"the data need {size(needed)} on the disk, {size(free)} are free")
    needed = max(sizes) * MEMORY_BYTES_PER_ROW + MEMORY_BYTES_OF_SPARK
    free = psutil.virtual_memory().available
    if needed > free:
        raise CliError(
            f"{count(max(sizes), 'row')} need {size(needed)} of memory, {size(free)} are free: "
            "give smaller --sizes"
        )


def _run(command: Sequence[str]) -> None:
    """Run it, showing its lines as they come. Raises CliError when it fails."""
    last = ""
    with (
        err.status("comparing"),
        subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as process,
        undone_on_failure(process.terminate),
    ):
        assert process.stdout is not None
        for line in process.stdout:
            last = line.rstrip()
            tell(last)
    if process.returncode:
        raise CliError(last or "the comparison failed")
