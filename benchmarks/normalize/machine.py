"""Where and with what a benchmark ran."""

from __future__ import annotations

import os
import platform
import shlex
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

PACKAGES = ("numpy", "pyarrow", "pandas", "scikit-learn", "polars", "duckdb", "tpchgen-cli")


@dataclass(frozen=True)
class Machine:
    """`memory_gb` is in 10^9 bytes; `date` is ISO 8601; `command` runs the same again."""

    cpu: str
    cores: int
    memory_gb: float
    os: str
    python: str
    versions: dict[str, str]
    date: str
    command: str

    @property
    def in_words(self) -> str:
        versions = ", ".join(f"{name} {version}" for name, version in self.versions.items())
        return (
            f"{self.cpu}, {self.cores} cores, {self.memory_gb:.0f} GB of memory, {self.os}, "
            f"Python {self.python}, {versions}, {self.date[:10]}"
        )


def memory_bytes() -> int:
    """The machine's memory."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def describe() -> Machine:
    """This machine, now, and this process's command."""
    return Machine(
        cpu=_cpu(),
        cores=len(os.sched_getaffinity(0)),
        memory_gb=round(memory_bytes() / 1e9, 1),
        os=f"{platform.system()} {platform.release().partition('-')[0]}",
        python=platform.python_version(),
        versions={name: v for name in PACKAGES if (v := _version(name))},
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        command=shlex.join(["python", "-m", "benchmarks.normalize", *sys.argv[1:]]),
    )


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
