"""Opens the Parquet parts of a spec; pyarrow finds the file system by the URI's scheme."""

from __future__ import annotations

from typing import Any

import pyarrow.fs
import pyarrow.parquet


def open_part(uri: str) -> Any:
    """The part at an `s3://` or a `file://` URI as a pyarrow ParquetFile, to be closed."""
    file_system, path = pyarrow.fs.FileSystem.from_uri(uri)
    return pyarrow.parquet.ParquetFile(file_system.open_input_file(path))
