"""What kind of file it is: by content first, then checked against the name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import islice
from pathlib import PurePosixPath

from contracts.manifest import Compression, Format
from pipeline.dataset.problems import rejected

PARQUET_MAGIC = b"PAR1"

_FOREIGN = tuple(
    (re.compile(magic, re.DOTALL), kind)
    for magic, kind in (
        (rb"PK\x03\x04.*xl/", "an Excel workbook"),
        (rb"PK\x03\x04", "a ZIP archive"),
        (rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel or other Office file"),
        (rb"%PDF-", "a PDF document"),
        (rb"\x89PNG", "a PNG image"),
        (rb"\xff\xd8\xff", "a JPEG image"),
        (rb"GIF8[79]a", "a GIF image"),
        (rb"BZh[1-9]1AY&SY", "bzip2-compressed data"),
        (rb"\xfd7zXZ\x00", "xz-compressed data"),
        (rb"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
        (rb"\x04\x22\x4d\x18", "LZ4-compressed data"),
        (rb"\x1f\x8b|\x28\xb5\x2f\xfd", "compressed data within compressed data"),
        (PARQUET_MAGIC, "a compressed Parquet file, which compresses its pages itself"),
        (rb"PARE.{0,8}?[\x00-\x08]", "an encrypted Parquet file"),
        (rb"ORC.{0,8}?[\x00-\x08]", "an ORC file"),
        (rb"Obj\x01", "an Avro file"),
        (rb"ARROW1\x00", "an Arrow file"),
        (rb"\x89HDF", "an HDF5 file"),
        (rb"SQLite format 3\x00", "an SQLite database"),
        (rb"\x93NUMPY", "a NumPy array"),
        (rb"\x7fELF", "a program"),
        (rb".{257}ustar", "a tar archive"),
        (rb"(?i:\s*<(!doctype html|html|\?xml))", "an HTML or XML page"),
    )
)

_JSON_OBJECT = re.compile(r'\s*\{\s*(["}]|$)')
_JSON_ARRAY = re.compile(r'\s*\[\s*([\[{"\]]|-?\d|true\b|false\b|null\b)')

_FORMAT_OF_SUFFIX = {
    ".csv": Format.CSV,
    ".tsv": Format.CSV,
    ".tab": Format.CSV,
    ".json": Format.JSON_LINES,
    ".jsonl": Format.JSON_LINES,
    ".ndjson": Format.JSON_LINES,
    ".parquet": Format.PARQUET,
    ".pq": Format.PARQUET,
}
_COMPRESSION_OF_SUFFIX = {
    ".gz": Compression.GZIP,
    ".gzip": Compression.GZIP,
    ".zst": Compression.ZSTD,
    ".zstd": Compression.ZSTD,
}
_FIRST_LINES = 10
_FIRST_CHARACTERS = 1 << 16
_NAMES = {Format.CSV: "CSV", Format.JSON_LINES: "JSON Lines", Format.PARQUET: "Parquet"}


def refuse_foreign(data: bytes) -> None:
    """Raises InputRejected when `data`, unpacked, begins as a file of a kind that is not read."""
    kind = next((kind for magic, kind in _FOREIGN if magic.match(data)), None)
    if kind is not None:
        raise rejected(
            "unsupported_format",
            f"The file looks like {kind}. Upload CSV, TSV or JSON Lines, plain or compressed "
            "once with gzip or zstd, or Parquet.",
        )


def text_format(text: str) -> Format:
    """CSV or JSON Lines. Raises InputRejected for JSON that is one large array."""
    if _JSON_ARRAY.match(text):
        raise rejected(
            "unsupported_format",
            "The file is a JSON array, and JSON Lines was expected: one object on each line. "
            "`jq -c '.[]'` converts it.",
            "line 1",
        )
    is_json = _JSON_OBJECT.match(text) or _are_mostly_objects(text)
    return Format.JSON_LINES if is_json else Format.CSV


def _are_mostly_objects(text: str) -> bool:
    """Whether most of the first lines are in braces, whatever the very first one is."""
    stripped = (line.strip() for line in text[:_FIRST_CHARACTERS].split("\n"))
    first = list(islice(filter(None, stripped), _FIRST_LINES))
    objects = [line for line in first if line.startswith("{") and line.endswith("}")]
    return 2 * len(objects) > len(first)


@dataclass(frozen=True)
class Content:
    """What a file turned out to be."""

    format: Format
    compression: Compression
    delimiter: str | None

    def __str__(self) -> str:
        name = _NAMES[self.format]
        return f"{name} delimited by {self.delimiter!r}" if self.delimiter else name


def name_warnings(key: str, content: Content) -> tuple[str, ...]:
    """What the file's name says otherwise than its content."""
    path = PurePosixPath(key.rpartition("/")[2].lower())
    compression = _COMPRESSION_OF_SUFFIX.get(path.suffix, Compression.NONE)
    inner = path if compression is Compression.NONE else path.with_suffix("")
    suffix = inner.suffix
    named_format = _FORMAT_OF_SUFFIX.get(suffix, content.format)
    warnings = []
    if named_format is not content.format:
        warnings.append(
            f"The name ends in {suffix}, but the content is {_NAMES[content.format]} "
            "and is read as that."
        )
    if compression is not content.compression:
        warnings.append(
            f"The name says that its compression is {compression.value}, but it is "
            f"{content.compression.value}."
        )
    if suffix == ".tsv" and content.delimiter not in ("\t", None):
        warnings.append(f"The name ends in .tsv, but the delimiter is {content.delimiter!r}.")
    return tuple(warnings)
