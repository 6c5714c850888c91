"""The scaler's arithmetic on a CUDA device: one read for the moments, one read and one write for
the z-scores.

A run is what one thread block measures: 16,384 values of one column, read once. The block takes
the mean of the first 2,048 as its shift, and adds up the deviations from it and their squares. A
shift that is the mean of k among n values makes the sum of squares at most 1 + n/k times M2: here
9 times, which is the one digit that cancellation can cost; more, and 5 digits at most, only where
nulls leave fewer values to the shift. Then neighbouring runs are merged by Chan's formula, always
in the same order, so that the result depends on the data alone.

The small cards have one float64 unit for 32 or 64 of float32. So a value costs three float64
operations to measure and five to standardize: minimum, maximum, nulls and infinities are found in
the integers that the values' bits are, and a z-score is a multiplication by the reciprocal of the
scale, and one step that corrects the product to the quotient.

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
PART_BYTES = 56

OPTIONS = ("--std=c++17",)
"""What the compiler is told, NVRTC."""

SOURCE = (
    f"constexpr int THREADS = {THREADS}, HELD = {HELD}, RUN = {RUN};"
    + r"""
typedef long long i64;
constexpr int WARP = 32, WARPS = THREADS / WARP;
constexpr unsigned ALL = 0xffffffffu;
constexpr i64 LARGEST = 0x7fffffffffffffffLL;
constexpr i64 INFINITE = 0x7ff0000000000000LL;

// The moments of some values; residue is what rounding took off the mean, low and high are
// ordered(minimum) and ordered(maximum).
struct Part {
    double count, nulls, mean, residue, m2;
    i64 low, high;
};

// An integer that compares as the number does; its own inverse.
__device__ inline i64 ordered(i64 bits) { return bits ^ ((bits >> 63) & LARGEST); }

__device__ inline Part merged(const Part& a, const Part& b) {
    Part whole = a.count == 0.0 ? b : a;
    whole.nulls = a.nulls + b.nulls;
    if (a.count == 0.0 || b.count == 0.0) return whole;
    whole.count = a.count + b.count;
    const double share = b.count / whole.count;
    const double delta = (b.mean - a.mean) + (b.residue - a.residue);
    const double moved = a.residue + delta * share;
    whole.mean = a.mean + moved;
    const double added = whole.mean - a.mean;
    whole.residue = (a.mean - (whole.mean - added)) + (moved - added);
    whole.m2 = a.m2 + b.m2 + delta * delta * (a.count * share);
    whole.low = a.low < b.low ? a.low : b.low;
    whole.high = a.high > b.high ? a.high : b.high;
    return whole;
}

__device__ inline bool is_finite(double x) {
    return (__double_as_longlong(x) & INFINITE) != INFINITE;
}

// The mean of the block's finite values, the same in all its threads; false where there is none.
__device__ inline bool find_shift(const double* values, double& shift) {
    __shared__ double sums[WARPS];
    __shared__ int counts[WARPS];
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
    sums[threadIdx.x / WARP] = sum;
    counts[threadIdx.x / WARP] = count;
    __syncthreads();
    sum = 0.0;
    count = 0;
    for (int warp = 0; warp < WARPS; ++warp) {
        sum += sums[warp];
        count += counts[warp];
    }
    // Nobody writes the next sums before everybody has read these.
    __syncthreads();
    if (count) shift = sum / count;
    return count > 0;
}

// What threads have added up from the same shift.
struct Sums {
    double deviations, squares;
    int count, nulls;
    i64 low, high;
};

__device__ inline void add(Sums& sums, const Sums& other) {
    sums.deviations += other.deviations;
    sums.squares += other.squares;
    sums.count += other.count;
    sums.nulls += other.nulls;
    sums.low = other.low < sums.low ? other.low : sums.low;
    sums.high = other.high > sums.high ? other.high : sums.high;
}

// Add up the values that a thread holds; DENSE where all of them are known to be finite.
template <bool DENSE>
__device__ inline void add_values(Sums& sums, const double* values, double shift) {
#pragma unroll
    for (int i = 0; i < HELD; ++i) {
        const i64 bits = __double_as_longlong(values[i]), key = ordered(bits);
        const bool finite = DENSE || is_finite(values[i]);
        const double deviation = (finite ? values[i] : shift) - shift;
        sums.deviations += deviation;
        sums.squares = fma(deviation, deviation, sums.squares);
        sums.count += finite;
        sums.nulls += !DENSE && (bits & LARGEST) > INFINITE;
        sums.low = finite && key < sums.low ? key : sums.low;
        sums.high = finite && key > sums.high ? key : sums.high;
    }
}

// block: (rows, columns), columns contiguous; one thread block to a run, `runs` to a column.
extern "C" __global__ void __launch_bounds__(THREADS, 4) measure_runs(
    const double* block, i64 rows, i64 runs, Part* parts) {
    __shared__ Sums warps[WARPS];
    const double* column = block + blockIdx.x / runs * rows;
    const i64 start = blockIdx.x % runs * RUN;
    const i64 end = start + RUN < rows ? start + RUN : rows;
    double values[HELD], shift = 0.0;
    Sums mine = {0.0, 0.0, 0, 0, LARGEST, -LARGEST};
    bool shifted = false, dense = true;
    for (i64 top = start; top < end; top += THREADS * HELD) {
        const double* from = column + top + threadIdx.x;
        const int left = int(end - top) - int(threadIdx.x);
#pragma unroll
        for (int i = 0; i < HELD; ++i) {
            // Past the end there are infinities, which are not counted in this kernel.
            values[i] = i * THREADS < left ? from[i * THREADS] : __longlong_as_double(INFINITE);
        }
        if (!shifted) shifted = find_shift(values, shift);
        // As long as a warp has met finite values only, it need not ask of each.
        if (dense) {
            bool finite = true;
#pragma unroll
            for (int i = 0; i < HELD; ++i) finite &= is_finite(values[i]);
            dense = __all_sync(ALL, finite);
        }
        if (dense) {
            add_values<true>(mine, values, shift);
        } else {
            add_values<false>(mine, values, shift);
        }
    }
    for (int apart = WARP / 2; apart; apart /= 2) {
        const Sums other = {
            __shfl_xor_sync(ALL, mine.deviations, apart),
            __shfl_xor_sync(ALL, mine.squares, apart),
            __shfl_xor_sync(ALL, mine.count, apart),
            __shfl_xor_sync(ALL, mine.nulls, apart),
            __shfl_xor_sync(ALL, mine.low, apart),
            __shfl_xor_sync(ALL, mine.high, apart)};
        add(mine, other);
    }
    if (threadIdx.x % WARP == 0) warps[threadIdx.x / WARP] = mine;
    __syncthreads();
    if (threadIdx.x) return;
    for (int warp = 1; warp < WARPS; ++warp) add(mine, warps[warp]);
    Part part = {double(mine.count), double(mine.nulls), 0.0, 0.0, 0.0, mine.low, mine.high};
    if (mine.low == mine.high) {
        part.mean = __longlong_as_double(ordered(mine.low));
    } else if (mine.count) {
        const double rest = mine.deviations / mine.count;
        part.mean = shift + rest;
        part.residue = rest - (part.mean - shift);
        part.m2 = mine.squares - mine.deviations * rest;
    }
    parts[blockIdx.x] = part;
}

// One thread block to a column. statistics: count, nulls, mean, m2, minimum, maximum, residue by
// columns.
extern "C" __global__ void merge_runs(
    const Part* parts, i64 runs, i64 columns, double* statistics) {
    __shared__ Part stretches[THREADS];
    const i64 length = (runs + THREADS - 1) / THREADS;
    const i64 start = threadIdx.x * length;
    Part mine = {0.0, 0.0, 0.0, 0.0, 0.0, LARGEST, -LARGEST};
    for (i64 run = start; run < start + length && run < runs; ++run) {
        mine = merged(mine, parts[blockIdx.x * runs + run]);
    }
    stretches[threadIdx.x] = mine;
    for (int step = 1; step < THREADS; step *= 2) {
        __syncthreads();
        const int at = 2 * step * threadIdx.x;
        if (at + step < THREADS) stretches[at] = merged(stretches[at], stretches[at + step]);
    }
    if (threadIdx.x == 0) {
        const Part whole = stretches[0];
        double* column = statistics + blockIdx.x;
        column[0] = whole.count;
        column[columns] = whole.nulls;
        column[2 * columns] = whole.mean;
        column[3 * columns] = whole.m2;
        column[4 * columns] = __longlong_as_double(ordered(whole.low));
        column[5 * columns] = __longlong_as_double(ordered(whole.high));
        column[6 * columns] = whole.residue;
    }
}

// factors: mean, residue, scale and 1 / scale by columns; `tiles` thread blocks to a column.
template <typename Out>
__device__ inline void standardize(
    const double* block, i64 rows, i64 tiles, const double* factors, i64 columns, Out* z) {
    const i64 column = blockIdx.x / tiles;
    const double mean = factors[column];
    const double residue = factors[columns + column];
    const double scale = factors[2 * columns + column];
    const double inverse = factors[3 * columns + column];
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
        const double deviation = (values[i] - mean) - residue;
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
    """Count, nulls, mean, M2, minimum, maximum and residue of each column; shape (7, columns).

    `values` are float64 on the device, column after column, of a `shape` (rows, columns) that is
    not empty; so is the result. Launched on the current stream, without waiting. The residue is
    that of `Moments`.
    """
    rows, columns = shape
    runs = -(-rows // RUN)
    parts = xp.empty(columns * runs * PART_BYTES, dtype=xp.uint8)
    statistics = xp.empty((7, columns), dtype=xp.float64)
    _launch(xp, "measure_runs", columns * runs, values, rows, runs, parts)
    _launch(xp, "merge_runs", columns, parts, runs, columns, statistics)
    return statistics


def standardize(xp: Any, values: Any, shape: tuple[int, int], factors: Any, dtype: Any) -> Any:
    """The z-scores of `values` (as of `measure`), float64 or float32, flat; on the device.

    `factors` are those of the scaler, a NumPy array. The device's result is NumPy's to the last
    digit but one; float32 below 1.2e-38 is 0, since CuPy has denormals of it flushed.
    """
    rows, columns = shape
    tiles = -(-rows // (THREADS * HELD))
    on_device = xp.asarray(numpy.vstack([factors, 1.0 / factors[2]]))
    z = xp.empty(rows * columns, dtype=dtype)
    name = f"standardize_{numpy.dtype(dtype).name}"
    _launch(xp, name, columns * tiles, values, rows, tiles, on_device, columns, z)
    return z


def _launch(xp: Any, name: str, blocks: int, *arguments: Any) -> None:
    typed = (numpy.int64(a) if isinstance(a, int) else a for a in arguments)
    _function(xp, name)((blocks,), (THREADS,), tuple(typed))


@cache
def _function(xp: Any, name: str) -> Any:
    return _module(xp).get_function(name)


@cache
def _module(xp: Any) -> Any:
    return xp.RawModule(code=SOURCE, options=OPTIONS)
