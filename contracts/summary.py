"""What both Spark pipelines compute from the normalized data, in one shape.

Statistics leave nulls out. `std` is the population one (ddof 0). An outlier has |z| > 3.
A statistic of no values is None, and so is a correlation with a constant column.
"""

from dataclasses import dataclass

OUTLIER_Z = 3.0

MOST_CORRELATED = 100
"""Columns in the correlation matrix, the first ones; their pairs grow with the square."""


@dataclass(frozen=True)
class ColumnSummary:
    count: int
    mean: float | None
    std: float | None
    minimum: float | None
    maximum: float | None
    outliers: int


@dataclass(frozen=True)
class GroupSummary:
    """One group; `group` is the value of the grouping column as text, None for null or one group.

    `columns` is in the order of `Summary.columns`.
    """

    group: str | None
    rows: int
    columns: tuple[ColumnSummary, ...]


@dataclass(frozen=True)
class Summary:
    """Groups are ordered by `group`, null first.

    `correlation[i][j]` is Pearson's r of columns i and j over the rows in which both are present,
    one row for each of the first MOST_CORRELATED columns.
    """

    pipeline: str
    rows: int
    group_by: str | None
    columns: tuple[str, ...]
    groups: tuple[GroupSummary, ...]
    correlation: tuple[tuple[float | None, ...], ...]
