"""How near the scaler comes to what the card and the bus allow: `python benchmarks/gpu.py`.

First the floor is measured: how fast the device copies within its memory, and over the bus with
pinned host memory: in, out, and both at once. Then the contenders run in turn, round after round,
on the same random float64 block: our scaler, the naive `(x - x.mean()) / x.std()` on CuPy, the
same in PyTorch, eager and compiled, where torch can be imported, and ours on NumPy. Each result
is checked against an extended-precision oracle on the host, and a wrong one fails the benchmark
once the report is written. A contender's floor is the bytes that must move (moments: one read;
transform: one read and one write; z-score, which is both: two reads and one write) over the
measured bandwidth.

The kernels run many times on end, so that their launches overlap and it is they that are timed;
the scaler's own calls, which also take what Python takes, stand beside them.

"Host to host" goes as the jobs go: worker threads take the block in batches of rows, from the
host's memory and back to it. What one core copies is a fifth of what a fast bus carries, so that
floor needs eight cores. With `--beyond-memory` they go on with the same block, pass after
pass, until the dataset is a quarter larger than the card's memory.

Needs numpy, cupy and this repository; `--cpu` tries the benchmark out where there is no card.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import sys
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from gpu_jobs.scaling import kernels  # noqa: E402
from gpu_jobs.scaling.device import Device, choose_device  # noqa: E402
from gpu_jobs.scaling.scaler import StandardScaler  # noqa: E402

LAUNCHES = 20
WARM_UP_SECONDS = 1.0
"""By then a card that was idle has its full clock."""

PINNED_BYTES = 256 * 2**20

LARGEST_ERROR, LARGEST_ERROR_IN_FLOAT32 = 1e-12, 1e-6
"""In standard deviations; beyond, a result is wrong, however fast."""


@dataclass(frozen=True)
class Contender:
    """`run` is timed; `check` gives the largest error of what it returned; `floor_s` is seconds.

    Where `times` is more than one, so many runs are timed together, and the result is their mean.
    """

    name: str
    floor_s: float | None
    run: Callable[[], Any]
    check: Callable[[Any], float]
    times: int = 1


def main() -> None:
    arguments = parse_arguments()
    device = choose_device(use_gpu=not arguments.cpu)
    if device.xp is numpy and not arguments.cpu:
        sys.exit(f"no GPU to measure: {device.reason}")
    torch = import_torch()
    block = random_block(arguments)
    bandwidth = measure_bandwidth(device, block.nbytes, arguments.repetitions)
    oracle = Oracle(block)
    with ThreadPoolExecutor(arguments.workers) as workers:
        contenders = [
            *on_device(device, block, oracle, bandwidth["copy"]),
            *in_torch(device, torch, block, oracle, bandwidth["copy"]),
            *over_the_bus(
                device, block, oracle, bandwidth, workers, passes(arguments, device, block)
            ),
        ]
        seconds, errors = race(device, contenders, arguments.repetitions)
    if device.xp is not numpy:
        # Apart, for meanwhile the device would cool down.
        on_host = on_numpy(block, oracle)
        raced = race(device, on_host, arguments.repetitions)
        contenders, seconds, errors = contenders + on_host, seconds | raced[0], errors | raced[1]
    modules = [numpy, *({device.xp} - {numpy}), *([torch] if torch else [])]
    report = {
        "device": device.name,
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": " ".join(["python", "benchmarks/gpu.py", *sys.argv[1:]]),
        "versions": {module.__name__: str(module.__version__) for module in modules}
        | cuda_versions(device),
        "rows": arguments.rows,
        "columns": arguments.columns,
        "block_bytes": block.nbytes,
        "workers": arguments.workers,
        "bandwidth_gb_per_s": {name: value / 1e9 for name, value in bandwidth.items()},
        "results": [summary(c, seconds[c.name], errors[c.name]) for c in contenders],
    }
    print_table(report)
    slug = re.sub(r"[^a-z0-9]+", "-", device.name.lower()).strip("-")
    path = arguments.output or ROOT / "benchmarks" / "results" / f"gpu-{slug}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(f"\nwritten to {path}")
    if wrong := [row["name"] for row in report["results"] if not is_right(row)]:
        sys.exit(f"wrong results: {', '.join(wrong)}")


def is_right(row: dict[str, Any]) -> bool:
    limit = LARGEST_ERROR_IN_FLOAT32 if "float32" in row["name"] else LARGEST_ERROR
    return bool(row["max_error"] <= limit)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )

    def number(flag: str, default: int, meaning: str, least: int = 1) -> None:
        def whole_number(text: str) -> int:
            if int(text) < least:
                raise argparse.ArgumentTypeError(f"{text} is less than {least}")
            return int(text)

        meaning = f"{meaning}; default: {default}"
        parser.add_argument(flag, type=whole_number, default=default, help=meaning)

    number("--rows", 16_000_000, "of the block; 16 million of 8 columns are 1 GB", least=2)
    number("--columns", 8, "of the block")
    number("--repetitions", 11, "rounds; the median is reported, with the fastest and the slowest")
    number("--workers", min(8, os.cpu_count() or 1), "threads of the host-to-host contenders")
    number("--seed", 0, "of the random data", least=0)
    parser.add_argument("--output", type=Path, help="default: benchmarks/results/gpu-<device>.json")
    parser.add_argument("--cpu", action="store_true", help="try it out with NumPy as the device")
    parser.add_argument(
        "--beyond-memory",
        action="store_true",
        help="host to host with more data than the card's memory holds (each round some seconds)",
    )
    return parser.parse_args()


def cuda_versions(device: Device) -> dict[str, str]:
    """Of the driver, the runtime and the compiler of the kernels, as CUDA numbers them."""
    if device.xp is numpy:
        return {}
    cuda = device.xp.cuda
    return {
        "cuda_driver": str(cuda.runtime.driverGetVersion()),
        "cuda_runtime": str(cuda.runtime.runtimeGetVersion()),
        "nvrtc": ".".join(map(str, cuda.nvrtc.getVersion())),
    }


def import_torch() -> Any:
    try:
        import torch
    except (ImportError, OSError) as error:  # OSError where its CUDA libraries do not load
        print(f"without torch: {error}")
        return None
    return torch


def random_block(arguments: argparse.Namespace) -> Any:
    """Columns of different location and spread, each contiguous; shape (rows, columns)."""
    random = numpy.random.default_rng(arguments.seed)
    block = numpy.empty((arguments.rows, arguments.columns), order="F")
    for column in range(arguments.columns):
        block[:, column] = random.normal(3.0 * column, 1.0 + column, arguments.rows)
    return block


def passes(arguments: argparse.Namespace, device: Device, block: Any) -> int:
    """How often the block must go over the bus to be what was asked for."""
    if not arguments.beyond_memory or device.xp is numpy:
        return 1
    memory = device.xp.cuda.Device().mem_info[1]
    return int(memory * 1.25 // block.nbytes) + 1


def measure_bandwidth(device: Device, size: int, repetitions: int) -> dict[str, float]:
    """Bytes per second; `copy` counts what is read and what is written. A CPU has no bus."""
    xp = device.xp

    def median(run: Callable[[], Any]) -> float:
        warm_up_ends = time.perf_counter() + WARM_UP_SECONDS
        while time.perf_counter() < warm_up_ends:
            timed(device, run)
        return statistics.median(timed(device, run, LAUNCHES) for _ in range(repetitions))

    source, target = xp.ones(size // 8), xp.empty(size // 8)
    bandwidth = {"copy": 2 * size / median(lambda: xp.copyto(target, source))}
    if xp is numpy:
        return bandwidth
    size = min(size, PINNED_BYTES)
    source, target = source[: size // 8], target[: size // 8]
    outgoing, incoming = (
        numpy.frombuffer(xp.cuda.alloc_pinned_memory(size), numpy.float64, size // 8)
        for _ in range(2)
    )
    there, back = (xp.cuda.Stream(non_blocking=True) for _ in range(2))

    def to_device() -> None:
        target.set(outgoing, stream=there)

    def to_host() -> None:
        source.get(stream=back, out=incoming, blocking=False)

    def both_ways() -> None:
        to_device()
        to_host()

    return bandwidth | {
        "to_device": size / median(to_device),
        "to_host": size / median(to_host),
        "both_ways": 2 * size / median(both_ways),
    }


def largest(errors: Iterable[float]) -> float:
    """NaN where one of them is, which Python's own `max` would pass over."""
    return float(numpy.max(list(errors)))


class Oracle:
    """Says how wrong others are, in standard deviations; computes in extended precision."""

    def __init__(self, block: Any) -> None:
        self._block = block
        columns = (column.astype(numpy.longdouble) for column in block.T)
        moments = numpy.array([(x.mean(), x.std()) for x in columns], dtype=float)
        self._mean, self._std = moments.T

    def moments_error(self, scaler: StandardScaler) -> float:
        return self.errors(scaler.mean_, scaler.scale_)

    def errors(self, mean: Any, std: Any) -> float:
        found = numpy.stack([mean, std])
        return float(numpy.abs((found - [self._mean, self._std]) / self._std).max())

    def z_error(self, z: Any, top: int = 0) -> float:
        """Of the z-scores of the rows from `top` on."""
        rows = self._block[top : top + len(z)]
        columns = zip(z.T, rows.T, self._mean, self._std, strict=True)
        return largest(numpy.abs(found - (x - m) / s).max() for found, x, m, s in columns)


def fitted(values: Any, xp: Any) -> StandardScaler:
    return StandardScaler(values.shape[1], xp).partial_fit(values)


def naive(x: Any) -> Any:
    return (x - x.mean(axis=0)) / x.std(axis=0)


def on_device(device: Device, block: Any, oracle: Oracle, copy: float) -> list[Contender]:
    """Ours and the naive one, on a block in the device's memory; `copy` is its bandwidth."""
    xp = device.xp
    resident = xp.asarray(block)
    scaler = fitted(resident, xp)
    read = block.nbytes / copy
    factors = scaler.factors_

    def check(found: Any) -> float:
        return oracle.z_error(device.to_host(found))

    def both() -> Any:
        return fitted(resident, xp).transform(resident)

    def narrow() -> Any:
        return scaler.transform(resident, "float32")

    def measured() -> Any:
        return kernels.measure(xp, resident, resident.shape)

    def standardized(dtype: str) -> Any:
        return kernels.standardize(xp, resident, resident.shape, factors, dtype)

    def check_moments(found: Any) -> float:
        count, _, means, m2, *_ = device.to_host(found)
        return oracle.errors(means, numpy.sqrt(m2 / count))

    def check_flat(found: Any) -> float:
        return check(found.reshape(block.shape, order="F"))

    of_kernels = [
        Contender("kernel, moments", read, measured, check_moments, LAUNCHES),
        *(
            Contender(
                f"kernel, z-scores in {dtype}",
                block.nbytes * (1 + numpy.dtype(dtype).itemsize / 8) / copy,
                partial(standardized, dtype),
                check_flat,
                LAUNCHES,
            )
            for dtype in ("float64", "float32")
        ),
    ]
    return [
        *(of_kernels if xp is not numpy else []),
        Contender("ours moments", read, lambda: fitted(resident, xp), oracle.moments_error),
        Contender("ours transform", 2 * read, lambda: scaler.transform(resident), check),
        Contender("ours transform, float32", 1.5 * read, narrow, check),
        Contender("ours z-score", 3 * read, both, check),
        Contender("naive z-score", 3 * read, lambda: naive(resident), check),
    ]


def in_torch(
    device: Device, torch: Any, block: Any, oracle: Oracle, copy: float
) -> list[Contender]:
    """The naive one in PyTorch; nothing where torch is None or has no CUDA for a CUDA device."""
    on_card = device.xp is not numpy
    if torch is None or (on_card and not torch.cuda.is_available()):
        return []
    # Columns stay contiguous: torch sees the transposed block by rows.
    resident = torch.from_numpy(block.T).to("cuda" if on_card else "cpu").T

    def eager(x: Any) -> Any:
        return (x - x.mean(dim=0)) / x.std(dim=0, correction=0)

    def check(z: Any) -> float:
        return oracle.z_error(z.cpu().numpy())

    floor = 3 * block.nbytes / copy
    contenders = [Contender("torch z-score", floor, lambda: eager(resident), check)]
    try:
        compiled = torch.compile(eager)
        compiled(resident)
    except Exception as error:  # without Triton or a C compiler it raises whatever they raise
        print(f"without torch.compile: {(str(error) or repr(error)).splitlines()[0]}")
    else:
        contenders.append(
            Contender("torch.compile z-score", floor, lambda: compiled(resident), check)
        )
    return contenders


def over_the_bus(
    device: Device,
    block: Any,
    oracle: Oracle,
    bandwidth: dict[str, float],
    workers: ThreadPoolExecutor,
    times: int,
) -> list[Contender]:
    """Ours on batches in the host's memory, by worker threads, over the block `times` times."""
    xp = device.xp
    scaler = StandardScaler(block.shape[1], xp).merge(fitted(block, numpy))
    height = max(1, scaler.block_values // block.shape[1])
    batches = [block[top : top + height] for top in range(0, len(block), height)]

    def moments() -> StandardScaler:
        whole = StandardScaler(block.shape[1], xp)
        for _ in range(times):
            for part in workers.map(lambda batch: fitted(batch, xp), batches):
                whole.merge(part)
        return whole

    def transform(dtype: str) -> list[Any]:
        for _ in range(times):
            scaled = list(workers.map(lambda batch: scaler.transform(batch, dtype), batches))
        return scaled

    def check(scaled: list[Any]) -> float:
        return largest(oracle.z_error(z, index * height) for index, z in enumerate(scaled))

    def floor(**bytes_by_way: float) -> float | None:
        """The longest that one of the ways takes for its bytes."""
        if not bandwidth.keys() >= bytes_by_way.keys():
            return None
        return times * max(size / bandwidth[way] for way, size in bytes_by_way.items())

    size = block.nbytes
    read = floor(to_device=size)
    both = floor(both_ways=2 * size)
    narrow = floor(to_device=size, both_ways=1.5 * size)
    suffix = f", {times} passes" if times > 1 else ""
    wide_name, narrow_name = (f"ours host to host{kind}{suffix}" for kind in ("", ", float32"))
    return [
        Contender(f"ours host moments{suffix}", read, moments, oracle.moments_error),
        Contender(wide_name, both, partial(transform, "float64"), check),
        Contender(narrow_name, narrow, partial(transform, "float32"), check),
    ]


def on_numpy(block: Any, oracle: Oracle) -> list[Contender]:
    """Ours and the naive one on the host, on one core, for comparison; without a floor."""
    scaler = fitted(block, numpy)
    moments, z = oracle.moments_error, oracle.z_error
    return [
        Contender("ours moments, NumPy", None, lambda: fitted(block, numpy), moments),
        Contender("ours transform, NumPy", None, lambda: scaler.transform(block), z),
        Contender("naive z-score, NumPy", None, lambda: naive(block), z),
    ]


def race(
    device: Device, contenders: list[Contender], repetitions: int
) -> tuple[dict[str, list[float]], dict[str, float]]:
    """Seconds of every run, the contenders taking turns, and each one's largest error."""
    errors = {contender.name: contender.check(contender.run()) for contender in contenders}
    seconds: dict[str, list[float]] = {contender.name: [] for contender in contenders}
    for _ in range(repetitions):
        for contender in contenders:
            seconds[contender.name].append(timed(device, contender.run, contender.times))
    return seconds, errors


def timed(device: Device, run: Callable[[], Any], times: int = 1) -> float:
    """Seconds until the device has really finished `run`; the mean of so many on end."""
    synchronize = (lambda: None) if device.xp is numpy else device.xp.cuda.Device().synchronize
    synchronize()
    started = time.perf_counter()
    for _ in range(times):
        run()
    synchronize()
    return (time.perf_counter() - started) / times


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
    width = max(len(row["name"]) for row in report["results"])
    print(f"{report['device']}, {report['rows']:,} x {report['columns']} float64")
    for name, value in report["bandwidth_gb_per_s"].items():
        print(f"{name:{width}} {value:9.1f} GB/s")
    for row in report["results"]:
        share = "" if row["of_floor"] is None else f"{row['of_floor']:7.0%} of the floor"
        spread = f"{row['fastest_s'] * 1e3:.2f}-{row['slowest_s'] * 1e3:.2f}"
        error = f"error {row['max_error']:.1e}"
        print(f"{row['name']:{width}} {row['median_s'] * 1e3:9.2f} ms ({spread}) {error} {share}")


if __name__ == "__main__":
    main()
