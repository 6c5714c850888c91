"""How much local disk a dataset takes, and whether it is there."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from contracts.manifest import Compression, Format, Manifest
from gpu_jobs.errors import RejectedError
from gpu_jobs.parts import PART_BYTES
from gpu_jobs.workers import workers

PARQUET_COPY = 1
"""Parquet is copied as it is."""

SCRATCH_OF_TEXT = 3
"""A letter and its delimiter, the worst case, take about 4.7 bytes of scratch, a digit 2.7."""

SCRATCH_OF_COMPRESSED = 20
"""Text shrinks 3 to 20 times, and what has shrunk further shrinks in the scratch file again."""

OUTPUT = 10
"""A digit and its delimiter become the eight bytes of a double."""


def check_disk(manifest: Manifest, folder: Path) -> None:
    """Raises RejectedError when `folder` has not room for what the dataset may need."""
    if shutil.disk_usage(folder).free < bytes_needed(manifest):
        raise _too_little_disk(manifest, folder)


def bytes_needed(manifest: Manifest) -> int:
    """A multiple of each file, and the parts that are written and not yet uploaded."""
    scratch = sum(
        file.size_bytes * _multiple(manifest.format, file.compression) for file in manifest.files
    )
    return scratch + min(2 * workers() * PART_BYTES, OUTPUT * manifest.size_bytes)


@contextmanager
def full_disk_rejected(manifest: Manifest, folder: Path) -> Iterator[None]:
    """Raises RejectedError when a disk that was large enough before is full all the same."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise _too_little_disk(manifest, folder) from error
        raise


def _too_little_disk(manifest: Manifest, folder: Path) -> RejectedError:
    """The problem of a dataset that does not fit into `folder`."""
    needed, free = bytes_needed(manifest), shutil.disk_usage(folder).free
    return RejectedError(
        "too_large_for_disk",
        f"The dataset may need {needed / 1e9:,.1f} GB of local disk, and {free / 1e9:,.1f} GB are "
        "free. Upload it in smaller datasets, or give the job a larger disk.",
    )


def _multiple(format_: Format, compression: Compression) -> int:
    if format_ is Format.PARQUET:
        return PARQUET_COPY
    return SCRATCH_OF_TEXT if compression is Compression.NONE else SCRATCH_OF_COMPRESSED
