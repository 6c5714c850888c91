"""A CUDA device that is none: the kernels run on the CPU, behind as much of CuPy as we call.

The kernels' very source is compiled as C++, a thread standing for each thread of a block and a
barrier for each synchronization; so what is proved is their arithmetic and their order, not their
speed.
"""

from __future__ import annotations

import ctypes
import math
import shutil
import subprocess
from threading import Lock, local

import numpy
import pytest

from gpu_jobs.scaling import kernels, lanes

BEFORE = """
#include <algorithm>
#include <barrier>
#include <bit>
#include <cmath>
#include <thread>
#include <vector>
using std::fma;
struct Index { int x; };
static thread_local Index threadIdx, blockIdx;
static long long __double_as_longlong(double x) { return std::bit_cast<long long>(x); }
static double __longlong_as_double(long long x) { return std::bit_cast<double>(x); }
static std::barrier<> whole_block(256), warps[] = {
    std::barrier<>(32), std::barrier<>(32), std::barrier<>(32), std::barrier<>(32),
    std::barrier<>(32), std::barrier<>(32), std::barrier<>(32), std::barrier<>(32)};
static void __syncthreads() { whole_block.arrive_and_wait(); }
template <typename T> static T __shfl_xor_sync(unsigned, T mine, int apart) {
    static T lanes[256];
    lanes[threadIdx.x] = mine;
    warps[threadIdx.x / 32].arrive_and_wait();
    const T theirs = lanes[threadIdx.x ^ apart];
    warps[threadIdx.x / 32].arrive_and_wait();
    return theirs;
}
static bool __all_sync(unsigned, bool mine) {
    static bool lanes[256];
    lanes[threadIdx.x] = mine;
    warps[threadIdx.x / 32].arrive_and_wait();
    const bool* warp = lanes + threadIdx.x / 32 * 32;
    const bool all = std::all_of(warp, warp + 32, [](bool one) { return one; });
    warps[threadIdx.x / 32].arrive_and_wait();
    return all;
}
#define __global__
#define __device__
#define __shared__ static
#define __launch_bounds__(...)
"""

AFTER = """
template <typename... Arguments>
static void launch(int blocks, void (*kernel)(Arguments...), Arguments... arguments) {
    std::vector<std::thread> threads;
    for (int thread = 0; thread < THREADS; ++thread) threads.emplace_back([=] {
        for (int block = 0; block < blocks; ++block) {
            threadIdx.x = thread;
            blockIdx.x = block;
            kernel(arguments...);
            __syncthreads();
        }
    });
    for (auto& thread : threads) thread.join();
}
extern "C" void launch_measure_runs(int blocks, const double* a, i64 b, i64 c, Part* d) {
    launch(blocks, measure_runs, a, b, c, d);
}
extern "C" void launch_merge_runs(int blocks, const Part* a, i64 b, i64 c, double* d) {
    launch(blocks, merge_runs, a, b, c, d);
}
extern "C" void launch_standardize_float64(
    int blocks, const double* a, i64 b, i64 c, const double* d, i64 e, double* f) {
    launch(blocks, standardize_float64, a, b, c, d, e, f);
}
extern "C" void launch_standardize_float32(
    int blocks, const double* a, i64 b, i64 c, const double* d, i64 e, float* f) {
    launch(blocks, standardize_float32, a, b, c, d, e, f);
}
"""


# What the threads of a block share, the library has once.
_the_device = Lock()


class DeviceArray(numpy.ndarray):
    def set(self, array, stream):
        self[...] = array

    def get(self, stream, out, blocking):
        assert not blocking
        stream.copies.append((out, self.copy()))


class Stream:
    """Copies to the host that are under way, for whoever waits for an event behind them."""

    def __init__(self, non_blocking):
        assert non_blocking
        self.copies = []

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def synchronize(self):
        self.copies.clear()


class Event:
    def __init__(self, block, disable_timing):
        assert block and disable_timing
        self.copies = []

    def record(self, stream):
        self.copies, stream.copies = stream.copies, []

    def synchronize(self):
        for target, source in self.copies:
            target[...] = source
        self.copies = []


class SimulatedCupy:
    """As much of cupy as the scaler takes; `library` has the kernels, `threads` to a block."""

    ndarray = DeviceArray
    float64, uint8 = numpy.float64, numpy.uint8
    copyto = staticmethod(numpy.copyto)
    Event = Event

    def __init__(self, library):
        self.library = library
        self.streams = []
        self.largest = 0
        self.cuda = self

    def RawModule(self, code, options):  # noqa: N802
        return self

    def get_function(self, name):
        def run(grid, block, arguments):
            assert block == (kernels.THREADS,)
            taken = [
                a.ctypes.data_as(ctypes.c_void_p)
                if isinstance(a, DeviceArray)
                else ctypes.c_int64(int(a))
                for a in arguments
            ]
            with _the_device:
                getattr(self.library, f"launch_{name}")(grid[0], *taken)

        return run

    def Stream(self, non_blocking):  # noqa: N802
        self.streams.append(Stream(non_blocking))
        return self.streams[-1]

    def Device(self):  # noqa: N802
        return Stream(non_blocking=True)

    def alloc_pinned_memory(self, size):
        return bytearray(size)

    def empty(self, shape, dtype=float):
        self.largest = max(self.largest, math.prod(numpy.atleast_1d(shape)))
        return numpy.full(shape, 77, dtype).view(DeviceArray)

    def ones(self, size):
        return numpy.ones(size).view(DeviceArray)

    def asarray(self, array):
        return numpy.array(array, order="K").view(DeviceArray)

    def asfortranarray(self, array, dtype):
        return numpy.asfortranarray(array, dtype).view(DeviceArray)

    def asnumpy(self, array, order="C"):
        return numpy.array(array, order=order)


@pytest.fixture(scope="session")
def library(tmp_path_factory):
    compiler = shutil.which("g++")
    if compiler is None:
        pytest.skip("no C++ compiler")
    folder = tmp_path_factory.mktemp("kernels")
    source = folder / "kernels.cpp"
    source.write_text(BEFORE + kernels.SOURCE + AFTER)
    command = [compiler, "-std=c++20", "-O1", "-pthread", "-shared", "-fPIC", "-w"]
    subprocess.run([*command, source, "-o", folder / "kernels.so"], check=True)
    return ctypes.CDLL(folder / "kernels.so")


@pytest.fixture
def cupy(library, monkeypatch):
    monkeypatch.setattr(lanes, "_thread", local())
    return SimulatedCupy(library)
