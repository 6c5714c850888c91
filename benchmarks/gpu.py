"""How near the scaler comes to what the card and the bus allow: `python benchmarks/gpu.py`.

First the floor is measured: how fast the device copies within its memory, and over the bus from
and to pinned host memory. Then the contenders run in turn, round after round, on the same random
float64 block: our scaler, the naive `(x - x.mean()) / x.std()` on CuPy, and NumPy. Each result is
checked against an extended-precision oracle on the host. A contender's floor is the bytes that
must move (moments: one read; z-scores: one read and one write) over the measured bandwidth.

Needs numpy, cupy and this repository; `--cpu` tries the benchmark out where there is no card.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from gpu_jobs.device import Device, choose_device  # noqa: E402
from gpu_jobs.scaler import StandardScaler  # noqa: E402


@dataclass(frozen=True)
class Contender:
    """`run` is timed; `check` gives the largest error of what it returned; `floor_s` is seconds."""

    name: str
    floor_s: float | None
    run: Callable[[], Any]
    check: Callable[[Any], float]


def main() -> None:
    arguments = parse_arguments()
    device = choose_device(use_gpu=not arguments.cpu)
    if device.xp is numpy and not arguments.cpu:
        sys.exit(f"no GPU to measure: {device.reason}")
    block = random_block(arguments)
    bandwidth = measure_bandwidth(device, block.nbytes, arguments.repetitions)
    contenders = make_contenders(device, block, bandwidth)
    seconds, errors = race(device, contenders, arguments.repetitions)
    report = {
        "device": device.name,
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": " ".join(["python", "benchmarks/gpu.py", *sys.argv[1:]]),
        "versions": {module.__name__: module.__version__ for module in {numpy, device.xp}},
        "rows": arguments.rows,
        "columns": arguments.columns,
        "block_bytes": block.nbytes,
        "bandwidth_gb_per_s": {name: value / 1e9 for name, value in bandwidth.items()},
        "results": [summary(c, seconds[c.name], errors[c.name]) for c in contenders],
    }
    print_table(report)
    slug = re.sub(r"[^a-z0-9]+", "-", device.name.lower()).strip("-")
    path = arguments.output or ROOT / "benchmarks" / "results" / f"gpu-{slug}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(f"\nwritten to {path}")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=16_000_000, help="default: %(default)s")
    parser.add_argument("--columns", type=int, default=8, help="default: %(default)s")
    parser.add_argument("--repetitions", type=int, default=11, help="default: %(default)s")
    parser.add_argument("--seed", type=int, default=0, help="of the data; default: %(default)s")
    parser.add_argument("--output", type=Path, help="default: benchmarks/results/gpu-<device>.json")
    parser.add_argument("--cpu", action="store_true", help="try it out with NumPy as the device")
    return parser.parse_args()


def random_block(arguments: argparse.Namespace) -> Any:
    """Columns of different location and spread, each contiguous; shape (rows, columns)."""
    random = numpy.random.default_rng(arguments.seed)
    block = numpy.empty((arguments.rows, arguments.columns), order="F")
    for column in range(arguments.columns):
        block[:, column] = random.normal(3.0 * column, 1.0 + column, arguments.rows)
    return block


def measure_bandwidth(device: Device, size: int, repetitions: int) -> dict[str, float]:
    """Bytes per second; `copy` counts what is read and what is written. A CPU has no bus."""
    xp = device.xp
    source, target = xp.ones(size // 8), xp.empty(size // 8)

    def median(run: Callable[[], Any]) -> float:
        timed(device, run)
        return statistics.median(timed(device, run) for _ in range(repetitions))

    bandwidth = {"copy": 2 * size / median(lambda: xp.copyto(target, source))}
    if xp is not numpy:
        pinned = numpy.frombuffer(xp.cuda.alloc_pinned_memory(size), numpy.float64, size // 8)
        bandwidth["to_device"] = size / median(lambda: target.set(pinned))
        bandwidth["to_host"] = size / median(lambda: source.get(out=pinned))
    return bandwidth


def oracle(block: Any) -> Any:
    """Means and population standard deviations, in extended precision until the last step."""
    columns = (column.astype(numpy.longdouble) for column in block.T)
    return numpy.array([(x.mean(), x.std()) for x in columns], dtype=float).T


def make_contenders(device: Device, block: Any, bandwidth: dict[str, float]) -> list[Contender]:
    """Everything that is compared; `block` lies in the host's memory."""
    mean, std = oracle(block)

    def check_moments(scaler: StandardScaler) -> float:
        found = numpy.stack([scaler.mean_, scaler.scale_])
        return float(numpy.abs((found - [mean, std]) / std).max())

    def check_z(found: Any) -> float:
        return float(numpy.abs(device.to_host(found) - (block - mean) / std).max())

    def moments(values: Any, xp: Any) -> StandardScaler:
        return StandardScaler(values.shape[1], xp).partial_fit(values)

    def naive(x: Any) -> Any:
        return (x - x.mean(axis=0)) / x.std(axis=0)

    def host_to_host() -> Any:
        return device.to_host(fitted.transform(block))

    resident = device.xp.asarray(block)
    fitted = moments(resident, device.xp)
    one_way = block.nbytes / bandwidth["copy"]
    contenders = [
        Contender("ours moments", one_way, lambda: moments(resident, device.xp), check_moments),
        Contender("ours transform", 2 * one_way, lambda: fitted.transform(resident), check_z),
        Contender("naive z-score", 3 * one_way, lambda: naive(resident), check_z),
    ]
    if device.xp is numpy:
        return contenders
    cpu = moments(block, numpy)
    over_the_bus = block.nbytes / bandwidth["to_device"] + block.nbytes / bandwidth["to_host"]
    return [
        *contenders,
        Contender("ours host to host", over_the_bus, host_to_host, check_z),
        Contender("ours moments, NumPy", None, lambda: moments(block, numpy), check_moments),
        Contender("ours transform, NumPy", None, lambda: cpu.transform(block), check_z),
        Contender("naive z-score, NumPy", None, lambda: naive(block), check_z),
    ]


def race(
    device: Device, contenders: list[Contender], repetitions: int
) -> tuple[dict[str, list[float]], dict[str, float]]:
    """Seconds of every run, the contenders taking turns, and each one's largest error."""
    errors = {contender.name: contender.check(contender.run()) for contender in contenders}
    seconds: dict[str, list[float]] = {contender.name: [] for contender in contenders}
    for _ in range(repetitions):
        for contender in contenders:
            seconds[contender.name].append(timed(device, contender.run))
    return seconds, errors


def timed(device: Device, run: Callable[[], Any]) -> float:
    """Seconds until the device has really finished `run`."""
    synchronize = (lambda: None) if device.xp is numpy else device.xp.cuda.Device().synchronize
    synchronize()
    started = time.perf_counter()
    run()
    synchronize()
    return time.perf_counter() - started


def summary(contender: Contender, seconds: list[float], error: float) -> dict[str, Any]:
    median = statistics.median(seconds)
    return {
        "name": contender.name,
        "median_s": median,
        "fastest_s": min(seconds),
        "slowest_s": max(seconds),
        "repetitions": len(seconds),
        "of_floor": contender.floor_s / median if contender.floor_s else None,
        "max_error": error,
    }


def print_table(report: dict[str, Any]) -> None:
    print(f"{report['device']}, {report['rows']:,} x {report['columns']} float64")
    for name, value in report["bandwidth_gb_per_s"].items():
        print(f"{name:30} {value:9.1f} GB/s")
    for row in report["results"]:
        share = "" if row["of_floor"] is None else f"{row['of_floor']:7.0%} of the floor"
        spread = f"{row['fastest_s'] * 1e3:.2f}-{row['slowest_s'] * 1e3:.2f}"
        print(f"{row['name']:30} {row['median_s'] * 1e3:9.2f} ms ({spread}) {share}")


if __name__ == "__main__":
    main()
