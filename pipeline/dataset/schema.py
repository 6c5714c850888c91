"""One schema out of the columns of several files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from contracts.manifest import Column, Format
from pipeline.dataset.column_types import DOUBLE, NULL, STRING, widen
from pipeline.dataset.problems import rejected
from pipeline.dataset.table import check_names, text_remark
from pipeline.errors import InputRejected


@dataclass(frozen=True)
class FileColumns:
    """The columns of the file of this name."""

    file: str
    columns: tuple[Column, ...]


def merge_columns(
    format_: Format, files: Sequence[FileColumns]
) -> tuple[tuple[Column, ...], tuple[str, ...]]:
    """The columns of all the files and, for text formats, warnings where numbers became text.

    CSV and Parquet files must have the same names in the same order, Parquet files the same
    types too. JSON objects may lack keys. Raises InputRejected naming the files that differ.
    """
    first = files[0]
    types = {column.name: column.type for column in first.columns}
    warnings: dict[str, str] = {}
    for other in files[1:]:
        if format_ is not Format.JSON_LINES:
            _check_same_names(first, other)
        for name, type_ in ((column.name, column.type) for column in other.columns):
            known = types.get(name, NULL)
            types[name] = widen(known, type_)
            if types[name] == type_ == known or NULL in (type_, known):
                continue
            if format_ is Format.PARQUET:
                raise mismatch(
                    other.file,
                    f"Column {name!r} is {type_} in {other.file!r} and {known} before, as in "
                    f"{first.file!r}.",
                )
            if types[name] == STRING:
                remark = f"it is {type_} in {other.file!r} and {known} in earlier files"
                warnings.setdefault(name, text_remark(name, remark))
    check_names(list(types))
    if format_ is not Format.PARQUET:
        types = {name: DOUBLE if type_ == NULL else type_ for name, type_ in types.items()}
    return tuple(Column(*item) for item in types.items()), tuple(warnings.values())


def mismatch(where: str, difference: str) -> InputRejected:
    """The exception to raise for a file that does not go with the others."""
    return rejected(
        "schema_mismatch",
        f"{difference} All files of a folder need one format and the same columns: upload files "
        "that differ in folders of their own.",
        where,
    )


def _check_same_names(first: FileColumns, other: FileColumns) -> None:
    expected = [column.name for column in first.columns]
    found = [column.name for column in other.columns]
    if expected == found:
        return
    missing = [name for name in expected if name not in found]
    added = [name for name in found if name not in expected]
    if missing:
        difference = f"Column {missing[0]!r} of {first.file!r} is missing in {other.file!r}."
    elif added:
        difference = f"Column {added[0]!r} of {other.file!r} is missing in {first.file!r}."
    else:
        difference = f"The columns of {other.file!r} stand in another order than in {first.file!r}."
    raise mismatch(other.file, difference)
