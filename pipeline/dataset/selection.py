"""Which columns are normalized, and which one groups the rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from contracts.manifest import Options
from pipeline.dataset.column_types import is_nested, is_numeric
from pipeline.dataset.problems import listing, rejected
from pipeline.dataset.table import Table


@dataclass(frozen=True)
class Selection:
    """`normalize` is never empty; `group_by` None means one group."""

    normalize: tuple[str, ...]
    group_by: str | None
    warnings: tuple[str, ...]


def select(table: Table, options: Options) -> Selection:
    """The columns that the options mean. Raises InputRejected when that cannot be.

    The grouping column is not normalized, since its values name the groups.
    """
    types = {column.name: column.type for column in table.columns}
    names = tuple(types)
    _check_known("columns", options.columns, names)
    _check_known("exclude", options.exclude, names)
    group_by = _group_by(table, options, types)
    passed_over = {*options.exclude, group_by}
    for name in options.columns:
        if not is_numeric(types[name]):
            raise _not_numeric(name, types)
        if name == options.group_by:
            raise rejected(
                "invalid_option",
                f"Column {name!r} cannot both be normalized and group the rows. Take it out of "
                "columns or choose another group-by.",
                "metadata columns, group-by",
            )
    candidates = options.columns or tuple(n for n in names if is_numeric(types[n]))
    normalize = tuple(name for name in candidates if name not in passed_over)
    if not normalize:
        raise rejected(
            "no_numeric_columns",
            "No numeric column is left to normalize. The columns are "
            + _with_types(types)
            + ". Upload numbers, or choose other columns.",
        )
    return Selection(normalize, group_by, _nested_warnings(types))


def _check_known(option: str, chosen: Sequence[str], names: Sequence[str]) -> None:
    for name in chosen:
        if name not in names:
            raise rejected(
                "unknown_column",
                f"{option} names {name!r}, which is no column{_hint(name, names)}. "
                f"The columns are {listing(names)}.",
                f"metadata {option}",
            )


def _hint(name: str, names: Sequence[str]) -> str:
    by_lower_case = {known.lower(): known for known in names}
    close = get_close_matches(name.lower(), by_lower_case, n=1)
    return f"; did you mean {by_lower_case[close[0]]!r}?" if close else ""


def _group_by(table: Table, options: Options, types: dict[str, str]) -> str | None:
    if options.group_by is None:
        return table.categories[0] if table.categories else None
    _check_known("group-by", (options.group_by,), tuple(types))
    if is_nested(types[options.group_by]):
        raise rejected(
            "invalid_option",
            f"Column {options.group_by!r} is nested ({types[options.group_by]}) and cannot group "
            "the rows. Choose a plain column.",
            "metadata group-by",
        )
    return options.group_by


def _not_numeric(name: str, types: dict[str, str]) -> Exception:
    numeric = [n for n in types if is_numeric(types[n])]
    return rejected(
        "not_numeric",
        f"columns names {name!r}, which is {types[name]} and cannot be normalized. The numeric "
        f"columns are {listing(numeric) or 'none'}.",
        f"column {name!r}",
    )


def _with_types(types: dict[str, str]) -> str:
    return listing(f"{name} {type_name}" for name, type_name in types.items())


def _nested_warnings(types: dict[str, str]) -> tuple[str, ...]:
    nested = [name for name, type_name in types.items() if is_nested(type_name)]
    if not nested:
        return ()
    return (f"Nested columns are passed over: {listing(nested)}.",)
