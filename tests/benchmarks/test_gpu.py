from __future__ import annotations

import json
import math
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy
import pytest

from benchmarks import gpu
from gpu_jobs.scaling import lanes
from gpu_jobs.scaling.device import Device
from gpu_jobs.scaling.scaler import StandardScaler

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
        "ours host to host, float32",
    } <= results.keys()
    for result in results.values():
        assert result["fastest_s"] <= result["median_s"] <= result["slowest_s"]
        assert result["repetitions"] == 3
        assert gpu.is_right(result)
    assert results["ours moments"]["of_floor"] > 0
    assert results["ours host to host"]["of_floor"] is None


def test_on_a_device_the_kernels_run_alone_and_over_the_bus(cupy, monkeypatch):
    monkeypatch.setattr(gpu, "LAUNCHES", 2)
    monkeypatch.setattr(gpu, "WARM_UP_SECONDS", 0.0)
    monkeypatch.setattr(lanes, "CHUNK", 3_000)
    device = Device(cupy, "none", "for the test")
    block = numpy.asfortranarray(numpy.random.default_rng(3).normal(2.0, 3.0, (4_000, 2)))
    bandwidth = gpu.measure_bandwidth(device, block.nbytes, repetitions=1)
    assert bandwidth.keys() == {"copy", "to_device", "to_host", "both_ways"}
    oracle = gpu.Oracle(block)
    with ThreadPoolExecutor(2) as workers:
        contenders = [
            *gpu.on_device(device, block, oracle, bandwidth["copy"]),
            *gpu.over_the_bus(device, block, oracle, bandwidth, workers, times=2),
        ]
        seconds, errors = gpu.race(device, contenders, repetitions=1)
    assert [name for name in seconds if name.startswith("kernel")] == [
        "kernel, moments",
        "kernel, z-scores in float64",
        "kernel, z-scores in float32",
    ]
    assert "ours host to host, float32, 2 passes" in seconds
    for contender in contenders:
        assert contender.floor_s > 0
        assert gpu.is_right({"name": contender.name, "max_error": errors[contender.name]})
    moments, wide, narrow = contenders[:3]
    assert wide.floor_s == pytest.approx(2 * moments.floor_s)
    assert narrow.floor_s == pytest.approx(1.5 * moments.floor_s)


@pytest.mark.parametrize("wrong", [math.nan, 1e-5, math.inf])
def test_a_wrong_score_is_seen_in_whatever_column_it_stands(wrong):
    block = numpy.asfortranarray(numpy.random.default_rng(3).normal(2.0, 3.0, (1_000, 3)))
    oracle = gpu.Oracle(block)
    for column in range(3):
        z = StandardScaler(3).partial_fit(block).transform(block)
        assert gpu.is_right({"name": "ours", "max_error": oracle.z_error(z)})
        z[77, column] += wrong
        assert not gpu.is_right({"name": "ours", "max_error": oracle.z_error(z)})
        assert not gpu.is_right({"name": "ours, float32", "max_error": oracle.z_error(z)})


def test_runs_on_end_are_timed_as_their_mean(monkeypatch):
    now = 0.0

    def run():
        nonlocal now
        now += 3.0

    monkeypatch.setattr(gpu.time, "perf_counter", lambda: now)
    device = Device(numpy, "none", "for the test")
    assert gpu.timed(device, run, times=4) == 3.0
    assert now == 12.0
    contender = gpu.Contender("none", 1.5, run, lambda found: 0.0, times=5)
    seconds, errors = gpu.race(device, [contender], repetitions=2)
    assert (seconds, errors) == ({"none": [3.0, 3.0]}, {"none": 0.0})
    assert now == 12.0 + 3.0 + 2 * 5 * 3.0


def test_a_floor_over_the_bus_is_that_of_its_slowest_way(cupy):
    block = numpy.ones((1_000, 1), order="F")
    device, oracle = Device(cupy, "none", "for the test"), gpu.Oracle(block)
    slow_in = {"to_device": 8_000.0, "both_ways": 80_000.0}
    slow_both = {"to_device": 80_000.0, "both_ways": 8_000.0}
    for bandwidth, floors in ((slow_in, [1.0, 0.2, 1.0]), (slow_both, [0.1, 2.0, 1.5])):
        contenders = gpu.over_the_bus(device, block, oracle, bandwidth, None, times=1)
        assert [contender.floor_s for contender in contenders] == pytest.approx(floors)


@pytest.mark.parametrize("option", ["--rows", "--columns", "--repetitions", "--workers"])
def test_options_that_leave_nothing_to_measure_are_refused(option):
    done = subprocess.run(
        [sys.executable, SCRIPT, "--cpu", option, "0"], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2
    assert f"argument {option}: 0 is less than" in done.stderr


def test_the_help_says_what_every_option_does():
    shown = subprocess.run(
        [sys.executable, SCRIPT, "--help"], check=True, capture_output=True, text=True, timeout=60
    ).stdout
    for option in ("--rows", "--workers", "--beyond-memory", "--cpu", "--output"):
        assert option in shown
