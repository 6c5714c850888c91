from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy
import pytest

from gpu_jobs.scaling.device import choose_device, to_host


def test_a_forbidden_gpu_is_not_even_looked_for(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    device = choose_device(use_gpu=False)
    assert (device.xp, device.name, device.reason) == (numpy, "cpu", "gpu-enabled=false")


def test_without_cupy_the_cpu_computes(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    device = choose_device(use_gpu=True)
    assert (device.xp, device.name) == (numpy, "cpu")
    assert device.reason.startswith("cupy ")


class CudaError(Exception):
    """As cupy.cuda.runtime.CUDARuntimeError."""


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (
            CudaError("cudaErrorInsufficientDriver: …"),
            "no CUDA driver found, or one that is too old",
        ),
        (CudaError("cudaErrorNoDevice: …"), "no CUDA device found"),
        (CudaError("cudaErrorUnknown"), "the CUDA device does not answer: cudaErrorUnknown"),
        (RuntimeError("no NVRTC"), "cupy cannot compute here: no NVRTC"),
    ],
)
def test_a_cuda_installation_that_does_not_work_leaves_the_cpu_and_says_why(
    monkeypatch, error, reason
):
    def fail():
        raise error

    runtime = SimpleNamespace(getDeviceCount=fail, CUDARuntimeError=CudaError)
    cupy = SimpleNamespace(cuda=SimpleNamespace(runtime=runtime))
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    device = choose_device(use_gpu=True)
    assert (device.xp, device.name, device.reason) == (numpy, "cpu", reason)


def test_what_lies_on_the_host_is_handed_back_as_it_is():
    array = numpy.arange(3)
    assert to_host(numpy, array) is array
    assert to_host(SimpleNamespace(), array) is array


@pytest.mark.gpu
def test_a_cuda_device_is_chosen_and_named():
    device = choose_device(use_gpu=True)
    if device.xp is numpy:
        pytest.skip(device.reason)
    assert device.name not in ("", "cpu")
    assert device.to_host(device.xp.arange(3)).tolist() == [0, 1, 2]
