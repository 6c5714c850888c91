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
        (
            RuntimeError("no\n  NVRTC" + "." * 300),
            f"cupy cannot compute here: no NVRTC{'.' * 265}…",
        ),
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


def test_a_cupy_that_does_not_load_leaves_the_cpu_and_says_why(monkeypatch):
    class Loader:
        def find_spec(self, name, path=None, target=None):
            if name == "cupy":
                raise OSError("the home is read-only")

    monkeypatch.delitem(sys.modules, "cupy", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Loader(), *sys.meta_path])
    device = choose_device(use_gpu=True)
    assert (device.xp, device.reason) == (numpy, "cupy does not load: the home is read-only")


def with_runtime(cupy):
    cupy.runtime = SimpleNamespace(
        getDeviceCount=lambda: 1,
        getDeviceProperties=lambda number: {"name": b"H200"},
        CUDARuntimeError=CudaError,
    )
    return cupy


def test_a_device_on_which_the_kernels_work_is_chosen(cupy, monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", with_runtime(cupy))
    device = choose_device(use_gpu=True)
    assert (device.xp, device.name) == (cupy, "H200")


def test_a_device_on_which_they_do_not_is_left_alone(cupy, monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", with_runtime(cupy))
    monkeypatch.setattr(cupy, "get_function", lambda name: lambda *launch: None)
    device = choose_device(use_gpu=True)
    assert (device.xp, device.name) == (numpy, "cpu")
    assert device.reason == "the CUDA device does not compute what it should"


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
