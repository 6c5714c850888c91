"""The columns of one file, as far as its sample or its footer tells."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from contracts.manifest import MAX_COLUMNS, Column
from contracts.wording import listing, quoted
from pipeline.dataset.limits import MAX_CATEGORIES, ROWS_PER_CATEGORY
from pipeline.dataset.problems import rejected


@dataclass(frozen=True)
class Table:
    """`categories` names the text columns of low cardinality, in the order of the columns."""

    columns: tuple[Column, ...]
    categories: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def is_category(distinct: int, rows: int) -> bool:
    """Whether a text column with so many different values in so many rows groups them well."""
    return 2 <= distinct <= min(MAX_CATEGORIES, rows // ROWS_PER_CATEGORY)


def text_remark(column: str, remark: str) -> str:
    """The warning about a column that one might take for a number."""
    return f"{about_text(column)} {remark}."


def about_text(column: str) -> str:
    """How such a warning about the column begins."""
    return f"Column {quoted(column)} is read as text:"


def check_names(names: Sequence[str], where: str | None = None) -> None:
    """Raises InputRejected unless there are not too many names, all different, none blank."""
    if len(names) > MAX_COLUMNS:
        raise too_many_columns(f"{len(names):,}", where)
    blank = [position for position, name in enumerate(names, 1) if not name.strip()]
    if blank:
        raise rejected(
            "blank_header",
            f"Column {blank[0]} of {len(names)} has no name. Name every column; in CSV, a "
            "delimiter too many makes such a one.",
            where,
        )
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise rejected(
            "duplicate_header",
            f"More than one column has the name {listing(repeated)}. Give each its own; if these "
            "are data, put a row of names before them.",
            where,
        )


def too_many_columns(count: str, where: str | None = None) -> Exception:
    """The exception to raise for `count` columns."""
    return rejected(
        "too_many_columns",
        f"There are {count} columns, and at most {MAX_COLUMNS:,} are worked with. Upload the "
        "columns of interest, or turn columns into rows.",
        where,
    )
