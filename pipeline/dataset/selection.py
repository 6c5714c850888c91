"""Which columns are normalized, and which one groups the rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from contracts.manifest import Options
from contracts.wording import listing, quoted
from pipeline.dataset.column_types import is_groupable, is_numeric
from pipeline.dataset.problems import rejected
from pipeline.dataset.table import Table, about_text


@dataclass(frozen=True)
class Selection:
    """`normalize` is never empty; `group_by` None means one group."""

    normalize: tuple[str, ...]
    group_by: str | None


def select(table: Table, options: Options) -> Selection:
    """The columns that the options mean. Raises InputRejected when that cannot be.

    The grouping column is not normalized, since its values name the groups.
    """
    types = {column.name: column.type for column in table.columns}
    names = tuple(types)
    for option, chosen in (
        ("columns", options.columns),
        ("exclude", options.exclude),
        ("group-by", (options.group_by,) if options.group_by else ()),
    ):
        _check_known(option, chosen, names)
    _check_choice(options, types, table.warnings)
    categories = (name for name in table.categories if is_groupable(types[name]))
    group_by = options.group_by or next(categories, None)
    candidates = options.columns or tuple(n for n in names if is_numeric(types[n]))
    passed_over = {*options.exclude, group_by}
    normalize = tuple(name for name in candidates if name not in passed_over)
    if not normalize:
        raise rejected(
            "no_numeric_column",
            f"No numeric column is left to normalize. The columns are {_with_types(types)}. "
            + " ".join([*table.warnings[:1], "Upload numbers, or choose other columns."]),
        )
    return Selection(normalize, group_by)


def _check_known(option: str, chosen: Sequence[str], names: Sequence[str]) -> None:
    for name in chosen:
        if name not in names:
            raise rejected(
                "unknown_column",
                f"{option} names {quoted(name)}, which is no column{_hint(name, names)}. "
                f"The columns are {listing(names)}. Upload again with some of them.",
                f"metadata {option}",
            )


def _hint(name: str, names: Sequence[str]) -> str:
    by_lower_case = {known.lower(): known for known in names}
    close = get_close_matches(name.lower(), by_lower_case, n=1)
    return f"; did you mean {quoted(by_lower_case[close[0]])}?" if close else ""


def _check_choice(options: Options, types: dict[str, str], warnings: Sequence[str]) -> None:
    """Numbers to normalize, and something plain to group by."""
    numeric = [name for name in types if is_numeric(types[name])]
    for name in options.columns:
        if name not in numeric:
            reasons = (warning for warning in warnings if warning.startswith(about_text(name)))
            raise rejected(
                "not_numeric",
                f"columns names {quoted(name)}, which is {quoted(types[name])} and cannot be "
                f"normalized. {''.join(f'{reason} ' for reason in reasons)}The numeric columns are "
                f"{listing(numeric) or 'none'}. Upload again with some of them.",
                "metadata columns",
            )
        if name == options.group_by:
            raise rejected(
                "invalid_option",
                f"Column {quoted(name)} cannot both be normalized and group the rows. Take it out "
                "of columns, or choose another group-by.",
                "metadata columns, group-by",
            )
    if options.group_by and not is_groupable(types[options.group_by]):
        raise rejected(
            "invalid_option",
            f"Column {quoted(options.group_by)} is {quoted(types[options.group_by])} and cannot "
            "group the rows. Choose a column of text, integers, floats, decimals of up to 38 "
            "digits, bools, dates or timestamps.",
            "metadata group-by",
        )


def _with_types(types: dict[str, str]) -> str:
    return listing(f"{name} {type_name}" for name, type_name in types.items())
