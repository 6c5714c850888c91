"""The way of blocks over the bus to a CUDA device and back, one lane to each worker thread.

A lane is a non-blocking stream and a buffer of pinned host memory, which only its thread uses:
while one worker's chunk is copied in, another's is computed and a third's is copied out, and
nobody waits for anything but its own stream. Z-scores arrive in pinned memory too, which CuPy's
pool keeps for the next ones when the array is dropped.

A block goes in chunks of 16 MiB. So a worker has at most 48 MiB on the device, a chunk, its
z-scores and what is left of the chunk before, and 56 bytes for each run of a column
(`kernels.RUN`), however large the block and the dataset are.

Blocks that lie on the device already are computed there, on the stream that is current.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from typing import Any

import numpy

from contracts.moments import Moments
from gpu_jobs.scaling import kernels
from gpu_jobs.scaling.block import Block

CHUNK = 2**21  # float64 values


class Lane:
    """One thread's way to the device and back; `xp` is cupy."""

    def __init__(self, xp: Any) -> None:
        self._xp = xp
        self._pinned = _pinned(xp, CHUNK, numpy.float64)
        self.stream = xp.cuda.Stream(non_blocking=True)
        # Who waits sleeps, so that the core copies for another worker; a stream's waiting spins.
        self._done = xp.cuda.Event(block=True, disable_timing=True)

    def upload(self, chunk: Block) -> Any:
        """The chunk's values on the device, column after column; the copy may be under way.

        Whoever uploads again has waited for the stream.
        """
        staged = self._pinned[: math.prod(chunk.shape)]
        chunk.copy_to(staged.reshape(chunk.shape, order="F"))
        values = self._xp.empty(len(staged), dtype=self._xp.float64)
        values.set(staged, stream=self.stream)
        return values

    def download(self, array: Any, target: Any) -> None:
        """Copy an array of the device to `target`, of pinned memory, and wait for it."""
        array.get(stream=self.stream, out=target, blocking=False)
        self._done.record(self.stream)
        self._done.synchronize()


def measure(xp: Any, block: Any) -> Iterator[tuple[int, int, int, Moments]]:
    """The index of a column, and rows, nulls and moments of one of its chunks, in the rows' order.

    `block` is a Block on the host, or an array of shape (rows, columns) on the device. NaN counts
    as null.
    """
    if isinstance(block, xp.ndarray):
        values = xp.asfortranarray(block, dtype=xp.float64)
        yield from _pieces(0, len(block), xp.asnumpy(kernels.measure(xp, values, block.shape)))
        return
    lane = _lane(xp)
    for part in _chunks(*block.shape):
        chunk = block[part]
        with lane.stream:
            found = kernels.measure(xp, lane.upload(chunk), chunk.shape)
            statistics = _pinned(xp, found.size, numpy.float64).reshape(found.shape)
            lane.download(found, statistics)
        yield from _pieces(part[1].start, chunk.shape[0], statistics)


def standardize(xp: Any, block: Any, factors: Any, dtype: Any) -> Any:
    """The block's z-scores as a new array of `dtype`, where the block lies; NaN if not finite.

    `factors` are those of the scaler.
    """
    if isinstance(block, xp.ndarray):
        values = xp.asfortranarray(block, dtype=xp.float64)
        z = kernels.standardize(xp, values, block.shape, factors, dtype)
        return z.reshape(block.shape, order="F")
    lane = _lane(xp)
    scaled = _pinned(xp, math.prod(block.shape), dtype)
    done = 0
    for part in _chunks(*block.shape):
        chunk = block[part]
        with lane.stream:
            values = lane.upload(chunk)
            z = kernels.standardize(xp, values, chunk.shape, factors[:, part[1]], dtype)
            lane.download(z, scaled[done : done + len(z)])
        done += len(z)
    return scaled.reshape(block.shape, order="F")


_thread = threading.local()


def _lane(xp: Any) -> Lane:
    if not hasattr(_thread, "lane"):
        _thread.lane = Lane(xp)
    lane: Lane = _thread.lane
    return lane


def _pinned(xp: Any, size: int, dtype: Any) -> Any:
    memory = xp.cuda.alloc_pinned_memory(size * numpy.dtype(dtype).itemsize)
    return numpy.frombuffer(memory, dtype, size)


def _chunks(rows: int, columns: int) -> Iterator[tuple[slice, slice]]:
    """Whole columns or pieces of one, in the order in which they lie in memory."""
    height = min(rows, CHUNK)
    width = CHUNK // height
    for left in range(0, columns, width):
        for top in range(0, rows, height):
            yield slice(top, min(top + height, rows)), slice(left, left + width)


def _pieces(first: int, rows: int, statistics: Any) -> Iterator[tuple[int, int, int, Moments]]:
    for index, (count, nulls, *of_values) in enumerate(statistics.T.tolist(), first):
        moments = Moments(int(count), *of_values) if count else Moments()
        yield index, rows, int(nulls), moments
