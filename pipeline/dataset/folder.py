"""Which files a folder consists of, and whether all of them have arrived."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from contracts.codec import to_json
from contracts.manifest import SourceObject
from contracts.wording import listing
from pipeline.dataset.limits import MAX_FILES
from pipeline.dataset.problems import rejected

EMPTY_FOR_SECONDS = 900
"""The first part may be one large file in a single PUT, of which S3 shows nothing until it ends."""

UNSETTLED_FOR_SECONDS = 3600


def data_files(listed: Iterable[SourceObject], folder: str) -> tuple[SourceObject, ...]:
    """The data files below the prefix `folder`, in the order in which their rows are read.

    Names, of files and of folders in the folder, that begin with `_` or `.` are not data, as in
    Hadoop. `part-10` comes after `part-2`. Raises InputRejected when there are too many.
    """
    files = [file for file in listed if _is_data(file.key.removeprefix(folder))]
    if len(files) > MAX_FILES:
        raise rejected(
            "too_many_files",
            f"The folder has {len(files):,} files, and at most {MAX_FILES:,} are read. Write "
            "fewer and larger ones.",
            folder,
        )
    return tuple(sorted(files, key=lambda file: (_natural(file.key), file.key)))


def _is_data(name: str) -> bool:
    *folders, last = name.split("/")
    return last != "" and not any(part.startswith(("_", ".")) for part in (*folders, last))


def _natural(key: str) -> list[tuple[int, str]]:
    """Digits compare as numbers: each is as long as it is big, once its zeros are gone."""
    parts = re.split(r"([0-9]+)", key)
    return [
        (len(part.lstrip("0")), part.lstrip("0")) if position % 2 else (0, part)
        for position, part in enumerate(parts)
    ]


def fingerprint(files: Iterable[SourceObject]) -> str:
    """A digest of the keys, the versions and the sizes."""
    digest = hashlib.sha256()
    for file in files:
        digest.update(to_json(file).encode() + b"\n")
    return digest.hexdigest()


@dataclass(frozen=True)
class Look:
    """What was seen of a folder `waited_seconds` after its `_SUCCESS` arrived.

    `uploads` are the keys of the multipart uploads that are in progress.
    """

    files: Sequence[SourceObject]
    uploads: Collection[str]
    waited_seconds: float

    @property
    def awaited(self) -> str:
        """What keeps the folder from being whole, in words."""
        if self.uploads:
            return "for the uploads that are in progress"
        if not self.files:
            return "for a data file beside _SUCCESS"
        return "until the folder does not change any more"


def has_arrived(look: Look, folder: str, earlier_fingerprint: str) -> bool:
    """Whether nothing changed since the earlier look and nothing is under way.

    Raises InputRejected when waiting longer makes no sense.
    """
    if look.files and not look.uploads and fingerprint(look.files) == earlier_fingerprint:
        return True
    if not look.files and not look.uploads and look.waited_seconds >= EMPTY_FOR_SECONDS:
        raise rejected(
            "empty",
            f"There is no data file beside _SUCCESS after {look.waited_seconds / 60:.0f} minutes. "
            "Upload the files, then _SUCCESS again.",
            folder,
        )
    if look.waited_seconds >= UNSETTLED_FOR_SECONDS:
        why = (
            f"uploads of {listing(look.uploads)} are not finished"
            if look.uploads
            else "its files are still changing"
        )
        raise rejected(
            "folder_not_settled",
            f"An hour after _SUCCESS {why}. Finish or abort them, then upload _SUCCESS again.",
            folder,
        )
    return False


def next_look_seconds(waited_seconds: float, quiet_period_seconds: int) -> int:
    """How long to leave a folder alone: the longer it has taken so far, the longer."""
    return max(quiet_period_seconds, int(waited_seconds) // 10)


def partition_warnings(files: Iterable[SourceObject], folder: str) -> tuple[str, ...]:
    """About `name=value` folders: Spark reads columns from them, this pipeline does not."""
    names = {
        part.partition("=")[0]
        for file in files
        for part in file.key.removeprefix(folder).split("/")[:-1]
        if "=" in part
    }
    if not names:
        return ()
    return (f"Values that stand only in folder names are not read: {listing(sorted(names))}.",)
