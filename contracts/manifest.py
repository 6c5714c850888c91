"""The manifest: the exact objects of a dataset and how they are to be read.

Validation writes it once; every later stage reads what it names, at the versions it names, in
the way it says, so nothing is sniffed twice and an object that changes meanwhile is not mixed in.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

NULL_SPELLINGS = (
    *("", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "-NaN", "-nan"),
    *("NULL", "Null", "null", "None"),
)
"""What a CSV cell of an int64, double or bool column says when it has no value, quoted or not.

In a text column no spelling means null: the empty cell is the empty string, `NA` is `NA`.
"""

INFINITY_SPELLINGS = ("inf", "infinity")
"""Doubles that are not finite, in any case and with or without a sign; so is `1e400`."""

TRUE_SPELLINGS = ("true", "True", "TRUE")
FALSE_SPELLINGS = ("false", "False", "FALSE")
"""The cells of a bool column. 0 and 1 are numbers."""


MAX_COLUMNS = 2_000
"""The most columns of a dataset, also of one whose later rows bring new ones."""


class Format(StrEnum):
    """The form of the rows, by content. A TSV is CSV with a tab as delimiter."""

    CSV = "csv"
    JSON_LINES = "jsonl"
    PARQUET = "parquet"


class Compression(StrEnum):
    """What is wrapped around a text file."""

    NONE = "none"
    GZIP = "gzip"
    ZSTD = "zstd"


@dataclass(frozen=True)
class SourceObject:
    """One object of the dataset at one version; `version_id` is None in an unversioned bucket.

    `etag` is S3's tag of its content.
    """

    key: str
    version_id: str | None
    size_bytes: int
    compression: Compression = Compression.NONE
    etag: str = ""


@dataclass(frozen=True)
class Column:
    """A column and its Arrow type by name, as `type_name` spells it.

    For text formats the types are int64, double, bool, string, and for JSON Lines also
    `struct` and `list`; they were inferred from the first few MiB, so a reader may have to
    widen them (int64, double, string) further on. A column that passes through becomes string
    where numbers would not keep its whole numbers and codes as they are written: what a double
    rounds or has no range for, zeros or a plus sign before a number.
    """

    name: str
    type: str


def type_name(arrow_type: object) -> str:
    """`str(pyarrow.DataType)`, but for the width of a dictionary's indices.

    Writers choose it by the number of categories, which differs between the files of a folder.
    """
    return re.sub(r"\bindices=u?int\d+", "indices=int32", str(arrow_type))


@dataclass(frozen=True)
class Options:
    """What the uploader asked for in the object's metadata (or in POST's `processing_config`).

    `columns` empty means every numeric column; `group_by` None means the first text column of
    low cardinality; `dtype` is the type of the normalized columns, float64 or float32; `force`
    has the work done even when the same was done before.
    """

    columns: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    group_by: str | None = None
    gpu_enabled: bool = True
    compare_pipelines: bool = True
    dtype: str = "float64"
    store_results: bool = True
    force: bool = False


@dataclass(frozen=True)
class Manifest:
    """One validated dataset. Files are in reading order, which is the row order of the job.

    `delimiter` is set for CSV alone. `normalize` names the columns to normalize, resolved from
    `options` and never empty; `group_by` is the resolved grouping column or None for one group.
    A full read may find that it makes too many groups: the metrics of normalization tell.
    """

    job_id: str
    bucket: str
    files: tuple[SourceObject, ...]
    format: Format
    columns: tuple[Column, ...]
    normalize: tuple[str, ...]
    group_by: str | None = None
    delimiter: str | None = None
    options: Options = Options()

    @property
    def size_bytes(self) -> int:
        return sum(file.size_bytes for file in self.files)
