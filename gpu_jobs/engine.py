"""The two passes over a dataset: measure every column, then standardize every row."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow

from contracts.metrics import ColumnMetrics
from gpu_jobs.arrays import to_block, to_column
from gpu_jobs.dataset import Dataset
from gpu_jobs.device import Device
from gpu_jobs.errors import MisfitError, RejectedError
from gpu_jobs.group_count import GroupCount
from gpu_jobs.parts import row_groups
from gpu_jobs.scaler import StandardScaler
from gpu_jobs.wording import shortened

log = logging.getLogger(__name__)

PROGRESS_SECONDS = 5.0

_TYPES = {"float64": pyarrow.float64(), "float32": pyarrow.float32()}


@dataclass(frozen=True)
class Measured:
    """What the first pass learned: `scaler` knows `columns`, in this order.

    `too_many_groups` is whether the grouping column has too many different values.
    """

    rows: int
    columns: tuple[str, ...]
    scaler: StandardScaler
    too_many_groups: bool

    @property
    def too_large(self) -> tuple[str, ...]:
        """Columns whose squared deviations are beyond float64: they have no z-scores."""
        moments = zip(self.columns, self.scaler.moments_, strict=True)
        return tuple(name for name, m in moments if not math.isfinite(m.m2))

    def column_metrics(self) -> dict[str, ColumnMetrics]:
        """The statistics of the columns that have z-scores."""
        return {
            name: self._metrics(index)
            for index, name in enumerate(self.columns)
            if name not in self.too_large
        }

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


def measure(dataset: Dataset, device: Device, group_by: str | None) -> Measured:
    """The first pass, again after widening where the types do not fit. Raises RejectedError."""
    try:
        return _measure(dataset, device, group_by)
    except MisfitError as misfit:
        log.info("reading again, with wider types: %s", shortened(str(misfit)))
    dataset.widen()
    return _measure(dataset, device, group_by)


def _measure(dataset: Dataset, device: Device, group_by: str | None) -> Measured:
    columns = dataset.normalize
    if not columns:
        raise no_numeric_column()
    scaler = StandardScaler(len(columns), device.xp)
    groups = GroupCount(group_by)
    rows = 0
    for batch in _logged(dataset.first_pass(), "read"):
        scaler.partial_fit(to_block(batch, columns))
        groups.add(batch)
        rows += batch.num_rows
    return Measured(rows, columns, scaler, groups.too_many)


def standardize(
    dataset: Dataset, measured: Measured, device: Device, dtype: str, write: Callable[[Any], None]
) -> None:
    """The second pass: hand each row group, z-scores in place, to `write`."""
    too_large = measured.too_large
    for table in _logged(row_groups(dataset.second_pass()), "wrote"):
        block = to_block(table, measured.columns)
        scaled = device.to_host(measured.scaler.transform(block))
        for index, name in enumerate(measured.columns):
            if name not in too_large:
                place = table.schema.get_field_index(name)
                column = to_column(scaled[:, index], _TYPES[dtype])
                table = table.set_column(place, name, column)
        write(table)


def no_numeric_column() -> RejectedError:
    """The problem of a dataset that has nothing to normalize."""
    return RejectedError(
        "no_numeric_column",
        "No numeric column is left to normalize. The warnings say what became of each.",
    )


def _logged(tables: Iterable[Any], verb: str) -> Iterator[Any]:
    rows = 0
    due = time.monotonic() + PROGRESS_SECONDS
    for table in tables:
        yield table
        rows += table.num_rows
        if time.monotonic() > due:
            log.info("%s %s rows", verb, f"{rows:,}")
            due = time.monotonic() + PROGRESS_SECONDS
    log.info("%s %s rows in all", verb, f"{rows:,}")
