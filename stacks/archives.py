"""Archives whose bytes follow from their content alone: sorted, with neither times nor owners."""

from __future__ import annotations

import gzip
import tarfile
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """A path to write to that becomes `target` when all is written, so that no reader sees less."""
    with tempfile.TemporaryDirectory(dir=target.parent) as name:
        partial = Path(name) / target.name
        yield partial
        partial.replace(target)


def add_to_zip(archive: Path, paths: Iterable[Path], base: Path, prefix: str = "") -> None:
    """Add the files among `paths` by their names below `base`, which `prefix` is put before."""
    with zipfile.ZipFile(archive, "a", zipfile.ZIP_DEFLATED) as opened:
        for path in sorted(path for path in paths if path.is_file()):
            entry = zipfile.ZipInfo(prefix + path.relative_to(base).as_posix())
            entry.external_attr = 0o644 << 16
            opened.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED)


def write_tar(archive: Path, directory: Path) -> None:
    """Write what is below `directory` as a compressed tar.

    At level 1: a quarter of the time of the default level for a tenth more bytes.
    """
    with (
        archive.open("wb") as raw,
        gzip.GzipFile("", "wb", compresslevel=1, fileobj=raw, mtime=0) as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.PAX_FORMAT) as opened,
    ):
        for path in sorted(directory.rglob("*")):
            opened.add(path, path.relative_to(directory).as_posix(), False, filter=_anonymous)


def _anonymous(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.mtime = entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    entry.mode = 0o755 if entry.isdir() else 0o644
    return entry
