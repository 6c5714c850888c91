"""Where the arithmetic happens: a CUDA device through CuPy, else the CPU through NumPy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy

from contracts.wording import cut
from gpu_jobs.scaling.scaler import StandardScaler

REASON_CHARACTERS = 300


@dataclass(frozen=True)
class Device:
    """`xp` is the array module (numpy or cupy); `reason` says why this device was chosen."""

    xp: Any
    name: str
    reason: str

    def to_host(self, array: Any) -> Any:
        """An array of `xp`, or one that NumPy has already, as NumPy's."""
        return to_host(self.xp, array)


def to_host(xp: Any, array: Any) -> Any:
    """An array in the host's memory and in the same order; itself where it lies there."""
    return array if isinstance(array, numpy.ndarray) else xp.asnumpy(array, order="A")


def choose_device(use_gpu: bool) -> Device:
    """The first CUDA device where it is allowed and works, else the CPU."""
    if not use_gpu:
        return _cpu("gpu-enabled=false")
    try:
        import cupy
    except Exception as error:  # not only ImportError: it makes a folder in the home, for one
        missing = isinstance(error, ModuleNotFoundError) and error.name == "cupy"
        return _cpu("cupy is not installed" if missing else f"cupy does not load: {error}")
    runtime = cupy.cuda.runtime
    try:
        if not runtime.getDeviceCount():
            return _cpu("no CUDA device found")
        # Compiles the kernels, before all workers would at the same time.
        if not _computes(cupy):
            return _cpu("the CUDA device does not compute what it should")
        name = runtime.getDeviceProperties(0)["name"].decode()
    except runtime.CUDARuntimeError as error:
        return _cpu(_without_device(error))
    except Exception as error:  # a broken CUDA toolkit raises whatever its libraries raise
        return _cpu(f"cupy cannot compute here: {error}")
    return Device(cupy, name, "a CUDA device is present and allowed")


def _computes(xp: Any) -> bool:
    """Whether the kernels, and the way to the device and back, work."""
    values = numpy.array([[1.0], [3.0]])
    scores = StandardScaler(1, xp).partial_fit(values).transform(values)
    return bool(scores.tolist() == [[-1.0], [1.0]])


def _cpu(reason: str) -> Device:
    """`reason` may end in the many lines of a compiler."""
    return Device(numpy, "cpu", cut(" ".join(reason.split()), REASON_CHARACTERS))


def _without_device(error: Exception) -> str:
    text = str(error)
    if "cudaErrorInsufficientDriver" in text:
        return "no CUDA driver found, or one that is too old"
    if "cudaErrorNoDevice" in text:
        return "no CUDA device found"
    return f"the CUDA device does not answer: {text}"
