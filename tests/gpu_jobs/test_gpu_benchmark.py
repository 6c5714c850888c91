from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "gpu.py"


def test_the_benchmark_measures_checks_and_reports_on_any_machine(tmp_path):
    output = tmp_path / "results.json"
    command = [sys.executable, SCRIPT, "--cpu", "--rows", "5000", "--repetitions", "3"]
    subprocess.run([*command, "--output", output], check=True, capture_output=True, timeout=60)
    report = json.loads(output.read_text())
    assert (report["device"], report["rows"], report["block_bytes"]) == ("cpu", 5000, 320_000)
    assert report["bandwidth_gb_per_s"]["copy"] > 0
    assert len(report["results"]) == 3
    for result in report["results"]:
        assert result["fastest_s"] <= result["median_s"] <= result["slowest_s"]
        assert result["repetitions"] == 3
        assert result["max_error"] < 1e-12
