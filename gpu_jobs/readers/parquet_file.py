"""A local Parquet file, decoded from where the system keeps its bytes."""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet

MOST_MAPPED_COLUMNS = 32
"""Of a mapped file the system may take 2 MiB of each column into the process's memory at a time;
wider files are read through buffers, which cost a twelfth more processor time."""

BUFFER_BYTES = 32 << 20
"""The buffers of all columns together."""


class LocalParquet:
    """The file at `path`, whose footer is `metadata`."""

    def __init__(self, path: Path, metadata: Any) -> None:
        self.metadata = metadata
        self._path = path
        self._memory: mmap.mmap | None = None
        if metadata.num_columns <= MOST_MAPPED_COLUMNS:
            with path.open("rb") as file:
                self._memory = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)

    @contextmanager
    def open(self, indices: Sequence[str] = ()) -> Iterator[Any]:
        """pyarrow's ParquetFile; its columns `indices` come as dictionaries."""
        if self._memory is None:
            source = self._path
            buffer = BUFFER_BYTES // self.metadata.num_columns
        else:
            source, buffer = pyarrow.BufferReader(self._memory), 0
        with pyarrow.parquet.ParquetFile(
            source,
            metadata=self.metadata,
            read_dictionary=indices,
            # Else the bytes of a whole row group would be in memory.
            pre_buffer=False,
            buffer_size=buffer,
            page_checksum_verification=True,
        ) as file:
            yield file
        self.release()

    def release(self) -> None:
        """What has been read is in this process's memory no longer, until it is read again."""
        if self._memory is not None:
            self._memory.madvise(mmap.MADV_DONTNEED)
