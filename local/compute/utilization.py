"""What a Spark run would use and be billed for on EMR Serverless.

Counted are the workers that the run asks for, one driver and its executors, from the moment the
run starts to its end, each in EMR's steps: whole gigabytes, memory overhead included. Seconds are
rounded up; each worker is billed for a minute at least and has 20 GB of disk free of charge.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

_DEFAULT_CORES = "4"
_DEFAULT_MEMORY = "14g"
_DEFAULT_EXECUTORS = "3"
_OVERHEAD_FACTOR = 0.1
_LEAST_OVERHEAD_GB = 384 / 1024
_FREE_DISK_GB = 20
_LEAST_BILLED_S = 60

_GIGABYTES = {"k": 2**-20, "m": 2**-10, "g": 1.0, "t": 2.0**10}


@dataclass(frozen=True)
class Worker:
    """The size of one worker."""

    cores: int
    memory_gb: int

    @classmethod
    def of(cls, role: str, conf: Mapping[str, str]) -> Worker:
        """The `driver` or an `executor` as the Spark configuration sizes it.

        Raises ValueError when a size cannot be read.
        """
        memory = _gigabytes(conf.get(f"spark.{role}.memory", _DEFAULT_MEMORY))
        overhead_text = conf.get(f"spark.{role}.memoryOverhead")
        if overhead_text:
            overhead = _gigabytes(overhead_text, default_unit="m")
        else:
            overhead = max(memory * _OVERHEAD_FACTOR, _LEAST_OVERHEAD_GB)
        return cls(
            cores=int(conf.get(f"spark.{role}.cores", _DEFAULT_CORES)),
            memory_gb=math.ceil(memory + overhead),
        )


def workers(conf: Mapping[str, str]) -> list[Worker]:
    """The driver and the executors that `conf` asks for. Raises ValueError."""
    executors = int(conf.get("spark.executor.instances", _DEFAULT_EXECUTORS))
    return [Worker.of("driver", conf), *[Worker.of("executor", conf)] * executors]


def total(used: list[Worker], seconds: float) -> dict[str, float]:
    """The run's `totalResourceUtilization`."""
    hours = math.ceil(seconds) / 3600
    return {**_hours(used, hours), "storageGBHour": len(used) * _FREE_DISK_GB * hours}


def billed(used: list[Worker], seconds: float) -> dict[str, float]:
    """The run's `billedResourceUtilization`."""
    hours = max(math.ceil(seconds), _LEAST_BILLED_S) / 3600
    return {**_hours(used, hours), "storageGBHour": 0.0}


def _hours(used: list[Worker], hours: float) -> dict[str, float]:
    return {
        "vCPUHour": round(sum(worker.cores for worker in used) * hours, 3),
        "memoryGBHour": round(sum(worker.memory_gb for worker in used) * hours, 3),
    }


def _gigabytes(text: str, default_unit: str = "b") -> float:
    match = re.fullmatch(r"(\d+)([kmgt]?)b?", text.strip().lower())
    if match is None:
        raise ValueError(f"not a memory size: {text!r}")
    unit = match[2] or default_unit
    return int(match[1]) * _GIGABYTES.get(unit, 2**-30)
