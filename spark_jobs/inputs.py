"""The Parquet parts of a spec, and what their groups are called, alike for both pipelines.

pyarrow finds the file system by the URI's scheme, `s3://` or `file://`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow
import pyarrow.fs
import pyarrow.parquet

from contracts.spec import SparkSpec

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def open_part(uri: str) -> Any:
    """One part as a pyarrow ParquetFile."""
    file_system, path = pyarrow.fs.FileSystem.from_uri(uri)
    return pyarrow.parquet.ParquetFile(file_system.open_input_file(path))


def selected_schema(spec: SparkSpec) -> Any:
    """The Arrow schema of the columns that the spec asks for, the grouping column last."""
    names = [*spec.columns, *([] if spec.group_by is None else [spec.group_by])]
    with open_part(spec.inputs[0]) as part:
        schema = part.schema_arrow
    return pyarrow.schema([schema.field(name) for name in names])


def group_text(value: Any) -> str | None:
    """A group's value as text, whichever pipeline found it. Times come as microseconds."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def time_text(microseconds: int | None) -> str | None:
    """Microseconds since 1970 as ISO 8601, UTC."""
    if microseconds is None:
        return None
    return (EPOCH + timedelta(microseconds=microseconds)).isoformat()
