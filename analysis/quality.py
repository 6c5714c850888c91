"""How good are the data? The score counts what is missing, not what is unusual.

    score = 100 × (rows kept / rows read) × (finite values / cells)

over the normalized columns: 100 means that no row was quarantined and no cell was null, NaN or
infinite. Outliers, constant and empty columns are reported and not held against the data, for
they may be true (an empty column has no finite values and counts as such).
"""

from __future__ import annotations

from contracts.metrics import ColumnMetrics, NormalizeMetrics
from contracts.moments import is_constant
from contracts.report import QualityReport
from contracts.summary import Summary


def assess_quality(metrics: NormalizeMetrics, summary: Summary) -> QualityReport:
    """The quality of the source columns that were normalized, and of the rows that hold them."""
    columns = metrics.columns
    values = sum(column.count for column in columns.values())
    nulls = sum(column.nulls for column in columns.values())
    non_finite = sum(column.non_finite for column in columns.values())
    cells = values + nulls + non_finite
    rows_read = metrics.records + metrics.quarantined
    completeness = _share(values, cells, of_nothing=1.0)
    constant = tuple(name for name, column in columns.items() if _is_constant(column))
    quarantined_share = _share(metrics.quarantined, rows_read)
    return QualityReport(
        score=100 * completeness * (1 - quarantined_share),
        completeness=completeness,
        null_share=_share(nulls, cells),
        non_finite_share=_share(non_finite, cells),
        quarantined=metrics.quarantined,
        quarantined_share=quarantined_share,
        constant_columns=constant,
        empty_columns=tuple(name for name, column in columns.items() if not column.count),
        outlier_shares={
            name: share for name, share in outlier_shares(summary).items() if name not in constant
        },
    )


def _is_constant(column: ColumnMetrics) -> bool:
    if column.mean is None or column.std is None:
        return False
    return bool(is_constant(column.count, column.mean, column.std**2))


def outlier_shares(summary: Summary) -> dict[str, float]:
    """By column, the share of the values with |z| > 3; columns without values are left out."""
    shares = {}
    for index, name in enumerate(summary.columns):
        count = sum(group.columns[index].count for group in summary.groups)
        if count:
            outliers = sum(group.columns[index].outliers for group in summary.groups)
            shares[name] = outliers / count
    return shares


def _share(part: int, whole: int, of_nothing: float = 0.0) -> float:
    return part / whole if whole else of_nothing
