"""What the first pass keeps for the second: rows in pieces that can be read in any order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import pyarrow
import pyarrow.ipc

KEPT_BYTES = 512 << 20
"""How much of a text's rows stays in memory between the passes; what lies beyond goes to disk."""


class Chunk(Protocol):
    """Some consecutive rows of a dataset; `nbytes` is their size in memory, about."""

    @property
    def rows(self) -> int: ...

    @property
    def nbytes(self) -> int: ...

    def slice(self, start: int, rows: int) -> Chunk:
        """`rows` of the rows, from `start` on."""

    def batches(self) -> Iterator[Any]:
        """The rows as record batches; several chunks may be read at the same time."""


@dataclass(frozen=True)
class InMemory:
    """A record batch that was kept as it is."""

    batch: Any

    @property
    def rows(self) -> int:
        return int(self.batch.num_rows)

    @property
    def nbytes(self) -> int:
        return int(self.batch.nbytes)

    def slice(self, start: int, rows: int) -> InMemory:
        return InMemory(self.batch.slice(start, rows))

    def batches(self) -> Iterator[Any]:
        yield self.batch


@dataclass(frozen=True)
class InScratch:
    """`rows` of the record batch number `index` of the Arrow file at `path`, from `start` on."""

    path: Path
    index: int
    start: int
    rows: int
    nbytes: int

    def slice(self, start: int, rows: int) -> InScratch:
        nbytes = self.nbytes * rows // self.rows
        return replace(self, start=self.start + start, rows=rows, nbytes=nbytes)

    def batches(self) -> Iterator[Any]:
        with pyarrow.OSFile(str(self.path)) as file:
            yield pyarrow.ipc.open_file(file).get_batch(self.index).slice(self.start, self.rows)


class ScratchFile:
    """An Arrow file at `path`, which can be read after `close`."""

    def __init__(self, path: Path, schema: Any) -> None:
        self._path = path
        self._file = pyarrow.OSFile(str(path), "wb")
        options = pyarrow.ipc.IpcWriteOptions(compression="lz4")
        self._writer = pyarrow.ipc.new_file(self._file, schema, options=options)
        self._batches = 0

    def keep(self, batch: Any) -> InScratch:
        """Write `batch` at the end of the file."""
        self._writer.write_batch(batch)
        self._batches += 1
        return InScratch(self._path, self._batches - 1, 0, batch.num_rows, batch.nbytes)

    def close(self) -> None:
        self._writer.close()
        self._file.close()
