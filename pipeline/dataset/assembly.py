"""The manifest: the files of a dataset brought under one format and one schema."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from contracts.manifest import Manifest, Options, SourceObject
from contracts.problem import Problem
from contracts.wording import listing
from pipeline.dataset.description import Description
from pipeline.dataset.problems import rejected
from pipeline.dataset.schema import FileColumns, merge_columns, mismatch, settle_integers
from pipeline.dataset.selection import select
from pipeline.dataset.table import Table
from pipeline.errors import InputRejected

_WITHOUT_ROWS = ("empty", "no_rows")


@dataclass(frozen=True)
class Finding:
    """What looking at one file told: what it holds, or why it is refused."""

    file: SourceObject
    outcome: Description | Problem


@dataclass(frozen=True)
class Assembled:
    """The manifest, and what the uploader should know although the job goes on."""

    manifest: Manifest
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class _Part:
    """A file that has rows."""

    file: SourceObject
    description: Description

    @property
    def table(self) -> Table:
        return self.description.table


def assemble(job_id: str, bucket: str, findings: Sequence[Finding], options: Options) -> Assembled:
    """Bring the files, in reading order, under one manifest. Raises InputRejected.

    In a folder, files without rows are left out, as writers leave them for empty partitions.
    """
    parts, skipped = _parts_with_rows(findings)
    content = parts[0].description.content
    for part in parts[1:]:
        _check_same_content(parts[0], part)
    columns, widened = merge_columns(
        content.format, [FileColumns(part.file.key, part.table.columns) for part in parts]
    )
    of_files = tuple(warning for part in parts for warning in part.table.warnings)
    table = replace(parts[0].table, columns=columns, warnings=(*of_files, *widened))
    selection = select(table, options)
    manifest = Manifest(
        job_id=job_id,
        bucket=bucket,
        files=tuple(part.file for part in parts),
        format=content.format,
        columns=settle_integers(columns, selection.normalize),
        normalize=selection.normalize,
        group_by=selection.group_by,
        delimiter=content.delimiter,
        options=options,
    )
    return Assembled(manifest, (*skipped, *table.warnings))


def _parts_with_rows(findings: Sequence[Finding]) -> tuple[list[_Part], tuple[str, ...]]:
    parts, without_rows = [], []
    for finding in findings:
        file, outcome = finding.file, finding.outcome
        if isinstance(outcome, Description):
            compression = outcome.content.compression
            parts.append(_Part(replace(file, compression=compression), outcome))
        elif len(findings) > 1 and outcome.code in _WITHOUT_ROWS:
            without_rows.append(file)
        else:
            raise InputRejected(_located(outcome, file) if len(findings) > 1 else outcome)
    if not parts:
        raise rejected(
            "no_rows",
            f"None of the {len(findings)} files has a row. Upload files with data.",
            listing(file.key for file in without_rows),
        )
    if not without_rows:
        return parts, ()
    names = listing(file.key for file in without_rows)
    return parts, (f"Files without rows are left out: {names}.",)


def _located(problem: Problem, file: SourceObject) -> Problem:
    return replace(problem, where=", ".join(filter(None, (file.key, problem.where))))


def _check_same_content(first: _Part, other: _Part) -> None:
    a, b = first.description.content, other.description.content
    if (a.format, a.delimiter) != (b.format, b.delimiter):
        raise mismatch(other.file.key, f"{first.file.key!r} is {a}, and {other.file.key!r} is {b}.")
