from __future__ import annotations

import importlib.util
import json
import signal
import subprocess
import sys

import psutil
import pytest

from benchmarks.normalize import __main__ as benchmark
from benchmarks.normalize.contenders import CONTENDERS, INSTALL, Contender
from benchmarks.normalize.race import ROOT


@pytest.fixture(autouse=True)
def sigterm():
    """The benchmark takes the signal for its process, which here is that of the tests."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def test_the_benchmark_measures_checks_and_reports_on_any_machine(tmp_path, monkeypatch, capsys):
    contenders = (
        CONTENDERS[0],
        CONTENDERS[-1],
        Contender("broken", "no_such_module"),
        Contender("absent", "no_such_module", ("no_such_package",)),
    )
    monkeypatch.setattr(benchmark, "CONTENDERS", contenders)
    output = tmp_path / "results"
    options = ["--rows", "2000", "--lineitem", "--repetitions", "1"]
    places = ["--data", str(tmp_path / "data"), "--output", str(output)]
    monkeypatch.setattr(sys, "argv", ["benchmark", *options, *places])

    benchmark.main()

    report = json.loads((output / "normalize.json").read_text())
    assert set(report) == {"machine", "rows", "results", "ratios", "growth"}
    assert report["rows"] == 2_000
    assert report["machine"]["command"].startswith("python -m benchmarks.normalize --rows 2000")
    results = {(result["engine"], result["source"]): result for result in report["results"]}
    assert len(results) == len(report["results"]) == 8
    for source in ("csv", "parquet"):
        ours, pyarrow = (results[name, source] for name in ("bigdata-serverless", "pyarrow"))
        for result in (ours, pyarrow):
            assert result["wall_s"] > 0 and result["cpu_s"] > 0 and result["peak_mb"] > 20
            assert (result["rows"], result["columns"], result["repetitions"]) == (2_000, 8, 1)
        ratio = report["ratios"][f"pyarrow/{source}"]
        assert abs(ratio - pyarrow["wall_s"] / ours["wall_s"]) < 0.001
        assert results["absent", source]["error"] == f"no_such_package not installed: {INSTALL}"
    assert "No module named 'no_such_module'" in results["broken", "csv"]["error"]
    assert results["broken", "parquet"]["error"] == "failed on csv"
    assert set(report["ratios"]) == {"pyarrow/csv", "pyarrow/parquet"}

    said = capsys.readouterr().out
    assert (output / "normalize.md").read_text() in said
    if importlib.util.find_spec("matplotlib"):
        assert (output / "normalize.png").read_bytes().startswith(b"\x89PNG")
    else:
        assert f"no chart: matplotlib not installed: {INSTALL}" in said


def test_ending_the_benchmark_ends_the_run_that_it_measures(tmp_path):
    command = [sys.executable, "-m", "benchmarks.normalize", "--engines", "pyarrow"]
    options = ["--rows", "2000", "--lineitem", "--repetitions", "1000", "--data", str(tmp_path)]
    benchmark = subprocess.Popen([*command, *options], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    with benchmark:
        for line in benchmark.stdout:
            if "csv, 1/1000" in line:
                break
        benchmark.terminate()
    assert benchmark.returncode == 128 + signal.SIGTERM
    assert not (tmp_path / "work").exists()
    commands = [process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"])]
    assert not [command for command in commands if str(tmp_path) in " ".join(command)]
