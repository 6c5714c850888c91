import os
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest

from stacks.archives import add_to_zip, replacing, write_tar


def tree(root: Path, *, time: int, mode: int) -> Path:
    for name in ("b/second.py", "a.py"):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
        path.chmod(mode)
        os.utime(path, (time, time))
    return root


def test_equal_files_make_equal_archives_whenever_and_by_whomever(tmp_path: Path) -> None:
    old = tree(tmp_path / "old", time=1_000_000_000, mode=0o600)
    new = tree(tmp_path / "new", time=1_700_000_000, mode=0o755)
    made = []
    for source in (old, new):
        zipped, packed = source.with_suffix(".zip"), source.with_suffix(".tgz")
        add_to_zip(zipped, source.rglob("*"), source)
        write_tar(packed, source)
        made.append((zipped.read_bytes(), packed.read_bytes()))
    assert made[0] == made[1]


def test_everyone_may_read_what_is_unpacked(tmp_path: Path) -> None:
    source = tree(tmp_path / "source", time=0, mode=0o600)
    add_to_zip(tmp_path / "a.zip", source.rglob("*"), source)
    write_tar(tmp_path / "a.tgz", source)
    with zipfile.ZipFile(tmp_path / "a.zip") as opened:
        modes = {entry.external_attr >> 16 for entry in opened.infolist()}
    with tarfile.open(tmp_path / "a.tgz") as opened_tar:
        modes |= {entry.mode for entry in opened_tar.getmembers() if entry.isfile()}
    assert all(mode & stat.S_IROTH for mode in modes)


def test_a_zip_takes_more_files_under_another_prefix(tmp_path: Path) -> None:
    source = tree(tmp_path / "source", time=0, mode=0o644)
    archive = tmp_path / "a.zip"
    add_to_zip(archive, [source / "a.py"], source)
    add_to_zip(archive, [source / "b", source / "b/second.py"], source, "python/")
    with zipfile.ZipFile(archive) as opened:
        assert opened.namelist() == ["a.py", "python/b/second.py"]


def test_a_failed_write_leaves_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("before")

    def fail() -> None:
        with replacing(target) as partial:
            partial.write_text("half")
            raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        fail()
    assert target.read_text() == "before"
    assert list(tmp_path.iterdir()) == [target]
