"""One schema out of the columns of several files."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from contracts.manifest import Column, Format
from contracts.wording import quoted
from pipeline.dataset.column_types import DOUBLE, INTEGER, NULL, STRING, widen
from pipeline.dataset.problems import rejected
from pipeline.dataset.table import check_names, text_remark
from pipeline.errors import InputRejected


@dataclass(frozen=True)
class FileColumns:
    """The columns of the file with this key."""

    file: str
    columns: tuple[Column, ...]


def merge_columns(
    format_: Format, files: Sequence[FileColumns]
) -> tuple[tuple[Column, ...], tuple[str, ...]]:
    """The columns of all the files and, for text formats, warnings where numbers became text.

    CSV and Parquet files must have the same names, Parquet files the same types too. JSON
    objects may lack keys. Raises InputRejected naming the files that differ.
    """
    first, *others = files
    types = {column.name: column.type for column in first.columns}
    warnings: dict[str, str] = {}
    for other in others:
        if format_ is not Format.JSON_LINES:
            _check_same_names(first, other)
        for column in other.columns:
            known = types.get(column.name, NULL)
            types[column.name] = widen(known, column.type)
            if NULL in (known, column.type) or known == column.type:
                continue
            here, before = quoted(column.type), quoted(known)
            differs = f"it is {here} in {other.file!r} and {before} in earlier files"
            if format_ is Format.PARQUET:
                raise mismatch(other.file, f"Column {quoted(column.name)} differs: {differs}.")
            if types[column.name] == STRING:
                warnings.setdefault(column.name, text_remark(column.name, differs))
    check_names(list(types))
    if format_ is not Format.PARQUET:
        types = {name: DOUBLE if type_ == NULL else type_ for name, type_ in types.items()}
    return tuple(Column(*item) for item in types.items()), tuple(warnings.values())


def settle_integers(columns: Sequence[Column], normalize: Collection[str]) -> tuple[Column, ...]:
    """The columns with the types of manifests, given which of them are normalized."""

    def settled(column: Column) -> Column:
        if column.type != INTEGER:
            return column
        return replace(column, type=DOUBLE if column.name in normalize else STRING)

    return tuple(settled(column) for column in columns)


def mismatch(where: str, difference: str) -> InputRejected:
    """The exception to raise for a file that does not go with the others."""
    return rejected(
        "columns_differ",
        f"{difference} All files of a folder need one format and the same columns: upload files "
        "that differ in folders of their own.",
        where,
    )


def _check_same_names(first: FileColumns, other: FileColumns) -> None:
    expected = {column.name for column in first.columns}
    found = {column.name for column in other.columns}
    for name in sorted(expected - found):
        difference = f"Column {quoted(name)} of {first.file!r} is missing in {other.file!r}."
        raise mismatch(other.file, difference)
    for name in sorted(found - expected):
        difference = f"Column {quoted(name)} of {other.file!r} is missing in {first.file!r}."
        raise mismatch(other.file, difference)
