"""The two passes over a dataset: measure every column, then standardize every row."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy
import pyarrow

from contracts.metrics import ColumnMetrics
from contracts.wording import shortened
from gpu_jobs.arrays import to_blocks, to_column
from gpu_jobs.chunks import Chunk
from gpu_jobs.dataset import Dataset
from gpu_jobs.errors import MisfitError, RejectedError
from gpu_jobs.group_count import GroupCount
from gpu_jobs.parts import Part, plan_parts, row_groups, write_part
from gpu_jobs.scaling.device import Device
from gpu_jobs.scaling.scaler import StandardScaler
from gpu_jobs.workers import in_order, workers

log = logging.getLogger(__name__)

PROGRESS_SECONDS = 5.0

_TYPES = {"float64": pyarrow.float64(), "float32": pyarrow.float32()}


@dataclass(frozen=True)
class Measured:
    """What the first pass learned: `scaler` knows `columns`, in this order.

    `dtype` is that of the z-scores to be, `too_many_groups` whether the grouping column has too
    many different values.
    """

    rows: int
    columns: tuple[str, ...]
    scaler: StandardScaler
    dtype: str
    too_many_groups: bool

    @property
    def too_large(self) -> tuple[str, ...]:
        """Columns whose squared deviations are beyond float64: they have no z-scores."""
        return self._where(numpy.isinf(self.scaler.largest_))

    @property
    def beyond_dtype(self) -> tuple[str, ...]:
        """Columns with a z-score beyond `dtype`: they get none."""
        largest = self.scaler.largest_
        limit = float(numpy.finfo(self.dtype).max)
        return self._where(numpy.isfinite(largest) & (largest > limit))

    @property
    def scored(self) -> tuple[str, ...]:
        """The columns that get z-scores."""
        others = {*self.too_large, *self.beyond_dtype}
        return tuple(name for name in self.columns if name not in others)

    @property
    def without_values(self) -> tuple[str, ...]:
        """Columns without a finite value: all their z-scores are null."""
        return self._where([not moments.count for moments in self.scaler.moments_])

    @property
    def too_close(self) -> tuple[str, ...]:
        """Columns that vary, though by so little that their z-scores may lack digits."""
        return self._where(self.scaler.too_close_)

    @property
    def centred_only(self) -> tuple[str, ...]:
        """Others that vary by so little for their size that they pass for constant."""
        others = {*self.too_close, *self.too_large, *self.beyond_dtype}
        columns = zip(self.columns, self.scaler.constant_, self.scaler.moments_, strict=True)
        varying = [name for name, constant, m in columns if constant and m.minimum != m.maximum]
        return tuple(name for name in varying if name not in others)

    def column_metrics(self) -> dict[str, ColumnMetrics]:
        """The statistics of the columns that get z-scores."""
        scored = self.scored
        return {
            name: self._metrics(index) for index, name in enumerate(self.columns) if name in scored
        }

    def _where(self, chosen: Any) -> tuple[str, ...]:
        return tuple(
            name for name, is_chosen in zip(self.columns, chosen, strict=True) if is_chosen
        )

    def _metrics(self, index: int) -> ColumnMetrics:
        moments = self.scaler.moments_[index]
        return ColumnMetrics(
            count=moments.count,
            nulls=int(self.scaler.nulls_[index]),
            non_finite=int(self.scaler.non_finite_[index]),
            mean=moments.mean if moments.count else None,
            std=moments.std,
            minimum=moments.minimum,
            maximum=moments.maximum,
        )


def measure(dataset: Dataset, device: Device, group_by: str | None, dtype: str) -> Measured:
    """The first pass, again after widening where the types do not fit. Raises RejectedError."""
    try:
        return _measure(dataset, device, group_by, dtype)
    except MisfitError as misfit:
        log.info("reading again, with wider types: %s", shortened(str(misfit)))
    dataset.widen()
    return _measure(dataset, device, group_by, dtype)


def _measure(dataset: Dataset, device: Device, group_by: str | None, dtype: str) -> Measured:
    columns = dataset.normalize
    if not columns:
        raise no_numeric_column()
    scaler = StandardScaler(len(columns), device.xp)
    groups = GroupCount(group_by)
    rows = 0

    def learn(batch: Any) -> tuple[int, StandardScaler, GroupCount]:
        of_batch = GroupCount(None if groups.too_many else group_by)
        of_batch.add(batch)
        learned = StandardScaler(len(columns), device.xp)
        table = pyarrow.Table.from_batches([batch])
        for _, block in to_blocks(table, columns, learned.block_values):
            learned.partial_fit(block)
        return batch.num_rows, learned, of_batch

    progress = Progress("read")
    for of_batch, learned, found in dataset.first_pass(learn):
        scaler.merge(learned)
        groups.merge(found)
        rows += of_batch
        progress.advance(of_batch)
    progress.end()
    return Measured(rows, columns, scaler, dtype, groups.too_many)


def standardize(dataset: Dataset, measured: Measured, folder: Path) -> Iterator[Part]:
    """The second pass: the rows with z-scores in their place, as Parquet files in `folder`.

    Several parts are written at the same time, and given in the order of the rows.
    """

    def standardized(table: Any) -> Any:
        scaler = measured.scaler
        pieces: dict[str, list[Any]] = {name: [] for name in measured.columns}
        for rows, block in to_blocks(table, measured.columns, scaler.block_values):
            scaled = scaler.transform(block, measured.dtype, complete=complete)
            for index, name in enumerate(measured.columns):
                nulls_of = rows.column(name) if complete else None
                pieces[name].append(to_column(scaled[:, index], dtype, nulls_of))
        columns = dict(zip(table.column_names, table.columns, strict=True))
        for name in scored:
            columns[name] = pyarrow.chunked_array(pieces[name])
        return pyarrow.table(columns)

    def write(numbered: tuple[int, list[Chunk]]) -> Part:
        number, chunks = numbered
        batches = (batch for chunk in chunks for batch in chunk.batches())
        tables = (standardized(table) for table in row_groups(batches))
        return write_part(folder / f"part-{number:05d}.parquet", tables, column_types)

    dtype, complete, scored = _TYPES[measured.dtype], measured.scaler.complete_, measured.scored
    column_types = {**dataset.types, **dict.fromkeys(scored, dtype)}
    progress = Progress("wrote")
    for part in in_order(write, enumerate(plan_parts(dataset.chunks, workers()))):
        progress.advance(part.rows)
        yield part
    progress.end()


def no_numeric_column() -> RejectedError:
    """The problem of a dataset that has nothing to normalize."""
    return RejectedError(
        "no_numeric_column",
        "No numeric column is left to normalize. The warnings say what became of each.",
    )


class Progress:
    """Logs every few seconds how many rows have been dealt with, and all of them at the end."""

    def __init__(self, verb: str) -> None:
        self._verb = verb
        self._rows = 0
        self._due = time.monotonic() + PROGRESS_SECONDS

    def advance(self, rows: int) -> None:
        self._rows += rows
        if time.monotonic() > self._due:
            log.info("%s %s rows", self._verb, f"{self._rows:,}")
            self._due = time.monotonic() + PROGRESS_SECONDS

    def end(self) -> None:
        log.info("%s %s rows in all", self._verb, f"{self._rows:,}")
