from __future__ import annotations

import json
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from cli import compare
from cli.compare import findings_table
from cli.console import Console
from cli.main import main


def pipeline(median: float | None) -> dict[str, Any]:
    return {"median_s": median, "records_per_s": None if median is None else 1000 / median}


def findings(**changes: Any) -> dict[str, Any]:
    size = {
        "rows": 1000,
        "rdd": pipeline(0.5),
        "dataframe": pipeline(0.25),
        "one_machine": pipeline(0.01),
        "baseline": None,
        "over_baseline": None,
        "speedup": 2.0,
        "ci95": [1.5, 2.5],
        "verdict": "DataFrame is 2x faster.",
        "agree": True,
    }
    verdict = "Spark pays nowhere."
    return {"engine": "Polars 9", "verdict": verdict, "sizes": [{**size, **changes}]}


def printed(document: dict[str, Any]) -> str:
    console = Console(width=160)
    with console.capture() as capture:
        console.print(findings_table(document))
    return capture.get()


def test_the_table_has_times_speedup_throughput_and_the_verdicts() -> None:
    said = printed(findings())

    for part in ("1,000", "500 ms", "250 ms", "2.00 (1.50 to 2.50)", "2,000 records/s", "Polars 9"):
        assert part in said
    assert "DataFrame is 2x faster." in said
    assert said.rstrip().endswith("Spark pays nowhere.")


def test_the_table_says_what_failed_and_what_differs() -> None:
    said = printed(findings(speedup=None, ci95=None, rdd=pipeline(None), agree=False))

    assert "The summaries differ." in said
    assert said.count("–") == 3


def test_the_table_says_how_far_the_baseline_is_behind() -> None:
    assert "RDD is 25.3x as fast as a row at a time." in printed(findings(over_baseline=25.31))


@pytest.mark.parametrize("sizes", ["", "many", "1000,", "1.5", "1000,99", "-5"])
def test_sizes_that_are_none_are_refused(runner: CliRunner, sizes: str) -> None:
    done = runner.invoke(main, ["compare", "--sizes", sizes])

    assert done.exit_code == 2
    assert "--sizes" in done.stderr


def test_missing_packages_are_named_with_what_installs_them(
    runner: CliRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compare, "find_spec", lambda name: None)

    done = runner.invoke(main, ["compare"])

    assert done.exit_code == 1
    assert done.stderr == (
        "Error: matplotlib and polars are needed to compare: run `make compare-tools`\n"
    )


@pytest.mark.parametrize(
    ("module", "name", "told"),
    [
        (compare.shutil, "disk_usage", "on the disk, 1.0 MB are free"),
        (compare.psutil, "virtual_memory", "of memory, 1.0 MB are free"),
    ],
)
def test_data_that_do_not_fit_are_refused_before_they_are_made(
    runner: CliRunner,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    module: Any,
    name: str,
    told: str,
) -> None:
    stand_ins(monkeypatch, "raise AssertionError")
    little = SimpleNamespace(free=1_000_000, available=1_000_000)
    monkeypatch.setattr(module, name, lambda *_: little)

    done = runner.invoke(main, ["compare", "--output", str(tmp_path / "out")])

    assert done.exit_code == 1
    assert told in done.stderr
    assert not (tmp_path / "out").exists()


def test_progress_goes_to_standard_error_and_json_alone_to_standard_output(
    runner: CliRunner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "performance_analysis.json").write_text(json.dumps(findings()))
    stand_ins(monkeypatch, "print('turn 1/3')")

    options = ["--sizes", "5_000, 1000,1000", "--output", str(tmp_path), "--json"]
    done = runner.invoke(main, ["compare", *options])

    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout) == findings()
    assert "turn 1/3" in done.stderr


def test_a_comparison_that_fails_says_its_last_line(
    runner: CliRunner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stand_ins(monkeypatch, "print('making rows'); print('no space'); raise SystemExit(1)")

    done = runner.invoke(main, ["compare", "--output", str(tmp_path)])

    assert done.exit_code == 1
    assert done.stderr.endswith("Error: no space\n")


def test_what_ends_the_comparison_ends_its_process(
    runner: CliRunner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    script = "import os, signal, time; os.kill(os.getppid(), signal.SIGTERM); time.sleep(100)"
    stand_ins(monkeypatch, script)

    began = time.monotonic()
    done = runner.invoke(main, ["compare", "--output", str(tmp_path)])

    assert done.exit_code != 0
    assert time.monotonic() - began < 50


def stand_ins(monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """A comparison that only does `script`, on a machine with all it needs."""
    monkeypatch.setattr(compare, "find_spec", lambda name: name)
    monkeypatch.setattr(compare, "java_home", lambda: Path("/java"))
    popen = compare.subprocess.Popen
    monkeypatch.setattr(
        compare.subprocess,
        "Popen",
        lambda command, **more: popen([command[0], "-c", script], **more),
    )
