"""The scaler's arithmetic on a CUDA device: one read for the moments, one read and one write for
the z-scores.

A run is what one thread block measures: 16,384 values of one column, read once. Each warp takes
the mean of its first values, up to 256, as its shift, and adds up the deviations from it and
their squares. A shift that is the mean of k among n values makes the sum of squares at most
1 + n/k times M2: here 9 times, which is the one digit that cancellation can cost; more, and 4
digits at most, only where nulls leave fewer values to the shift. Warps and then runs are merged
as neighbours, by Chan's formula, so that the result depends on the data alone.

The small cards have one float64 unit for 32 or 64 of float32. So there are three float64
operations to a value; minimum, maximum, nulls and infinities are found in the integers that the
values' bits are; and a z-score is a multiplication by the reciprocal of the scale, and one step
that corrects the product to the quotient.

Sources: T. F. Chan, G. H. Golub, R. J. LeVeque, "Updating Formulae and a Pairwise Algorithm for
Computing Sample Variances", 1979, and "Algorithms for Computing the Sample Variance: Analysis and
Recommendations", 1983 (shifted data); P. W. Markstein, "Computation of elementary functions on
the IBM RISC System/6000 processor", 1990 (the correction of a quotient).
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy

THREADS = 256
# Values that a thread has in its registers at a time: enough loads under way to hide the memory.
HELD = 8
RUN = 8 * THREADS * HELD
PART_BYTES = 48

SOURCE = (
    f"constexpr int THREADS = {THREADS}, HELD = {HELD}, RUN = {RUN};"
    + r"""
typedef long long i64;
constexpr int WARP = 32;
constexpr unsigned ALL = 0xffffffffu;
constexpr i64 LARGEST = 0x7fffffffffffffffLL;
constexpr i64 INFINITE = 0x7ff0000000000000LL;

// The moments of some values; low and high are ordered(minimum) and ordered(maximum).
struct Part {
    double count, nulls, mean, m2;
    i64 low, high;
};

// An integer that compares as the number does; its own inverse.
__device__ inline i64 ordered(i64 bits) { return bits ^ ((bits >> 63) & LARGEST); }

__device__ inline Part merged(const Part& a, const Part& b) {
    Part whole = a.count == 0.0 ? b : a;
    whole.nulls = a.nulls + b.nulls;
    if (a.count == 0.0 || b.count == 0.0) return whole;
    whole.count = a.count + b.count;
    const double share = b.count / whole.count, delta = b.mean - a.mean;
    whole.mean = a.mean + delta * share;
    whole.m2 = a.m2 + b.m2 + delta * delta * (a.count * share);
    whole.low = a.low < b.low ? a.low : b.low;
    whole.high = a.high > b.high ? a.high : b.high;
    return whole;
}

// Leaves the whole in parts[0], which thread 0 may read. Neighbours merge: the order is the rows'.
__device__ inline void fold(Part* parts, int size) {
    for (int step = 1; step < size; step *= 2) {
        __syncthreads();
        const int at = 2 * step * threadIdx.x;
        if (at + step < size) parts[at] = merged(parts[at], parts[at + step]);
    }
}

__device__ inline bool is_finite(double x) {
    return (__double_as_longlong(x) & INFINITE) != INFINITE;
}

// The mean of the warp's finite values, in every lane; false where there is none.
__device__ inline bool find_shift(const double* values, double& shift) {
    double sum = 0.0;
    int count = 0;
    for (int i = 0; i < HELD; ++i) {
        const bool finite = is_finite(values[i]);
        sum += finite ? values[i] : 0.0;
        count += finite;
    }
    for (int apart = WARP / 2; apart; apart /= 2) {
        sum += __shfl_xor_sync(ALL, sum, apart);
        count += __shfl_xor_sync(ALL, count, apart);
    }
    if (count) shift = sum / count;
    return count > 0;
}

// block: (rows, columns), columns contiguous; one thread block to a run, `runs` to a column.
extern "C" __global__ void __launch_bounds__(THREADS, 4) measure_runs(
    const double* block, i64 rows, i64 runs, Part* parts) {
    __shared__ Part warps[THREADS / WARP];
    const double* column = block + blockIdx.x / runs * rows;
    const i64 start = blockIdx.x % runs * RUN;
    const i64 end = start + RUN < rows ? start + RUN : rows;
    double values[HELD], shift = 0.0, sum = 0.0, squares = 0.0;
    int count = 0, nulls = 0;
    i64 low = LARGEST, high = -LARGEST;
    bool shifted = false;
    for (i64 top = start; top < end; top += THREADS * HELD) {
#pragma unroll
        for (int i = 0; i < HELD; ++i) {
            const i64 at = top + i * THREADS + threadIdx.x;
            // Past the end there are infinities, which are not counted in this kernel.
            values[i] = at < end ? column[at] : __longlong_as_double(INFINITE);
        }
        if (!shifted) shifted = find_shift(values, shift);
#pragma unroll
        for (int i = 0; i < HELD; ++i) {
            const i64 bits = __double_as_longlong(values[i]), key = ordered(bits);
            const bool finite = is_finite(values[i]);
            const double deviation = (finite ? values[i] : shift) - shift;
            sum += deviation;
            squares = fma(deviation, deviation, squares);
            count += finite;
            nulls += (bits & LARGEST) > INFINITE;
            low = finite && key < low ? key : low;
            high = finite && key > high ? key : high;
        }
    }
    for (int apart = WARP / 2; apart; apart /= 2) {
        sum += __shfl_xor_sync(ALL, sum, apart);
        squares += __shfl_xor_sync(ALL, squares, apart);
        count += __shfl_xor_sync(ALL, count, apart);
        nulls += __shfl_xor_sync(ALL, nulls, apart);
        const i64 lower = __shfl_xor_sync(ALL, low, apart);
        const i64 higher = __shfl_xor_sync(ALL, high, apart);
        low = lower < low ? lower : low;
        high = higher > high ? higher : high;
    }
    if (threadIdx.x % WARP == 0) {
        Part part = {double(count), double(nulls), 0.0, 0.0, low, high};
        if (low == high) {
            part.mean = __longlong_as_double(ordered(low));
        } else if (count) {
            part.mean = shift + sum / count;
            part.m2 = squares - sum * (sum / count);
        }
        warps[threadIdx.x / WARP] = part;
    }
    fold(warps, THREADS / WARP);
    if (threadIdx.x == 0) parts[blockIdx.x] = warps[0];
}

// One thread block to a column. statistics: count, nulls, mean, m2, minimum, maximum by columns.
extern "C" __global__ void merge_runs(
    const Part* parts, i64 runs, i64 columns, double* statistics) {
    __shared__ Part stretches[THREADS];
    const i64 length = (runs + THREADS - 1) / THREADS;
    const i64 start = threadIdx.x * length;
    Part mine = {0.0, 0.0, 0.0, 0.0, LARGEST, -LARGEST};
    for (i64 run = start; run < start + length && run < runs; ++run) {
        mine = merged(mine, parts[blockIdx.x * runs + run]);
    }
    stretches[threadIdx.x] = mine;
    fold(stretches, THREADS);
    if (threadIdx.x == 0) {
        const Part whole = stretches[0];
        double* column = statistics + blockIdx.x;
        column[0] = whole.count;
        column[columns] = whole.nulls;
        column[2 * columns] = whole.mean;
        column[3 * columns] = whole.m2;
        column[4 * columns] = __longlong_as_double(ordered(whole.low));
        column[5 * columns] = __longlong_as_double(ordered(whole.high));
    }
}

// factors: mean, scale and 1 / scale by columns; `tiles` thread blocks to a column.
template <typename Out>
__device__ inline void standardize(
    const double* block, i64 rows, i64 tiles, const double* factors, i64 columns, Out* z) {
    const i64 column = blockIdx.x / tiles;
    const double mean = factors[column];
    const double scale = factors[columns + column];
    const double inverse = factors[2 * columns + column];
    const i64 top = blockIdx.x % tiles * (THREADS * HELD) + threadIdx.x;
    const i64 offset = column * rows;
    double values[HELD];
#pragma unroll
    for (int i = 0; i < HELD; ++i) {
        const i64 at = top + i * THREADS;
        values[i] = at < rows ? block[offset + at] : 0.0;
    }
#pragma unroll
    for (int i = 0; i < HELD; ++i) {
        const i64 at = top + i * THREADS;
        const double deviation = values[i] - mean;
        const double quotient = deviation * inverse;
        // An infinite quotient makes this infinity less infinity, hence the NaN that it shall be.
        const double rest = fma(-quotient, scale, deviation);
        Out score = Out(fma(rest, inverse, quotient));
        // So does what is beyond float32.
        if (sizeof(Out) < sizeof(double)) score += score - score;
        if (at < rows) z[offset + at] = score;
    }
}

extern "C" __global__ void standardize_float64(
    const double* block, i64 rows, i64 tiles, const double* factors, i64 columns, double* z) {
    standardize(block, rows, tiles, factors, columns, z);
}

extern "C" __global__ void standardize_float32(
    const double* block, i64 rows, i64 tiles, const double* factors, i64 columns, float* z) {
    standardize(block, rows, tiles, factors, columns, z);
}
"""
)


def measure(xp: Any, values: Any, shape: tuple[int, int]) -> Any:
    """Count, nulls, mean, M2, minimum and maximum of each column; shape (6, columns), on device.

    `values` are float64 on the device, column after column, of a `shape` (rows, columns) that is
    not empty. Launched on the current stream, without waiting.
    """
    rows, columns = shape
    runs = -(-rows // RUN)
    parts = xp.empty(columns * runs * PART_BYTES, dtype=xp.uint8)
    statistics = xp.empty((6, columns), dtype=xp.float64)
    _launch(xp, "measure_runs", columns * runs, values, rows, runs, parts)
    _launch(xp, "merge_runs", columns, parts, runs, columns, statistics)
    return statistics


def standardize(
    xp: Any, values: Any, shape: tuple[int, int], mean: Any, scale: Any, dtype: Any
) -> Any:
    """The z-scores of `values` (as of `measure`), float64 or float32, flat; on the device.

    `mean` and `scale` are NumPy arrays of shape (columns,). The device's result is NumPy's to the
    last digit but one.
    """
    rows, columns = shape
    tiles = -(-rows // (THREADS * HELD))
    factors = xp.asarray(numpy.stack([mean, scale, 1.0 / scale]))
    z = xp.empty(rows * columns, dtype=dtype)
    name = f"standardize_{numpy.dtype(dtype).name}"
    _launch(xp, name, columns * tiles, values, rows, tiles, factors, columns, z)
    return z


def _launch(xp: Any, name: str, blocks: int, *arguments: Any) -> None:
    typed = (numpy.int64(a) if isinstance(a, int) else a for a in arguments)
    _module(xp).get_function(name)((blocks,), (THREADS,), tuple(typed))


@cache
def _module(xp: Any) -> Any:
    return xp.RawModule(code=SOURCE, options=("--std=c++17",))
