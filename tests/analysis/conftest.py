"""Small documents as the stages leave them, computed from values with the statistics module."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import fmean, pstdev

import pytest

from contracts.metrics import ColumnMetrics, NormalizeMetrics, PipelineTimings, SparkTimings
from contracts.summary import OUTLIER_Z, ColumnSummary, GroupSummary, Summary

RDD_RUNS = PipelineTimings((4.0, 4.4, 4.2))
DATAFRAME_RUNS = PipelineTimings((2.0, 2.1, 2.2))

Groups = dict[str | None, Sequence[float]]


def column_summary(values: Sequence[float]) -> ColumnSummary:
    return ColumnSummary(
        count=len(values),
        mean=fmean(values) if values else None,
        std=pstdev(values) if values else None,
        minimum=min(values, default=None),
        maximum=max(values, default=None),
        outliers=sum(abs(value) > OUTLIER_Z for value in values),
    )


@pytest.fixture
def summarise() -> Callable[..., Summary]:
    """Summarises groups of values of one column, `fare`."""

    def make(groups: Groups, pipeline: str = "dataframe") -> Summary:
        return Summary(
            pipeline=pipeline,
            rows=sum(map(len, groups.values())),
            group_by="carrier",
            columns=("fare",),
            groups=tuple(
                GroupSummary(name, len(values), (column_summary(values),))
                for name, values in groups.items()
            ),
            correlation=((1.0,),),
        )

    return make


@pytest.fixture
def column_metrics() -> Callable[..., ColumnMetrics]:
    def make(count: int = 4, nulls: int = 0, non_finite: int = 0, **rest: object) -> ColumnMetrics:
        statistics = {"mean": 10.0, "std": 2.0, "minimum": 8.0, "maximum": 12.0} | rest
        return ColumnMetrics(count=count, nulls=nulls, non_finite=non_finite, **statistics)

    return make


@pytest.fixture
def normalize_metrics() -> Callable[..., NormalizeMetrics]:
    def make(columns: dict[str, ColumnMetrics], quarantined: int = 0) -> NormalizeMetrics:
        records = max(c.count + c.nulls + c.non_finite for c in columns.values())
        return NormalizeMetrics(
            records=records,
            seconds=2.0,
            records_per_s=records / 2.0,
            device="cpu",
            device_reason="gpu-enabled=false",
            input_bytes=100,
            output_bytes=80,
            quarantined=quarantined,
            columns=columns,
        )

    return make


@pytest.fixture
def spark_timings() -> Callable[..., SparkTimings]:
    def make(
        rdd: PipelineTimings | None = RDD_RUNS,
        dataframe: PipelineTimings = DATAFRAME_RUNS,
        rows: int = 4,
    ) -> SparkTimings:
        return SparkTimings(
            rows=rows,
            cores=8,
            startup_seconds=3.0,
            warm_up_seconds=5.0,
            dataframe=dataframe,
            rdd=rdd,
        )

    return make
