from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "gpu.py"


def test_the_benchmark_measures_checks_and_reports_on_any_machine(tmp_path):
    output = tmp_path / "results.json"
    command = [sys.executable, SCRIPT, "--cpu", "--rows", "140000", "--columns", "2"]
    options = ["--repetitions", "3", "--workers", "2", "--output", output]
    subprocess.run([*command, *options], check=True, capture_output=True, timeout=120)
    report = json.loads(output.read_text())
    assert (report["device"], report["rows"], report["block_bytes"]) == ("cpu", 140_000, 2_240_000)
    assert report["bandwidth_gb_per_s"]["copy"] > 0
    results = {result["name"]: result for result in report["results"]}
    assert {
        "ours moments",
        "ours transform",
        "ours transform, float32",
        "ours z-score",
        "naive z-score",
        "ours host moments",
        "ours host to host",
    } <= results.keys()
    for name, result in results.items():
        assert result["fastest_s"] <= result["median_s"] <= result["slowest_s"]
        assert result["repetitions"] == 3
        assert result["max_error"] < (1e-6 if "float32" in name else 1e-12)
    assert results["ours moments"]["of_floor"] > 0
    assert results["ours host to host"]["of_floor"] is None


def test_the_help_says_what_every_option_does():
    shown = subprocess.run(
        [sys.executable, SCRIPT, "--help"], check=True, capture_output=True, text=True, timeout=60
    ).stdout
    for option in ("--rows", "--workers", "--beyond-memory", "--cpu", "--output"):
        assert option in shown
