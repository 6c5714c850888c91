"""Options as S3 object metadata, the way that `options.parse_options` reads them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from email.header import Header

from contracts.manifest import Options
from pipeline.dataset.problems import rejected

MAX_BYTES = 2048
"""What S3 takes as the metadata of one object, names and values together."""


def to_metadata(options: Options, job_id: str | None = None) -> dict[str, str]:
    """What differs from the defaults, in ASCII. Raises InputRejected for more than S3 takes."""
    texts = {
        "job-id": job_id or "",
        "columns": _row(options.columns),
        "exclude": _row(options.exclude),
        "group-by": options.group_by or "",
        "gpu-enabled": "" if options.gpu_enabled else "false",
        "compare-pipelines": "" if options.compare_pipelines else "false",
        "store-results": "" if options.store_results else "false",
        "force": "true" if options.force else "",
        "dtype": "" if options.dtype == Options.dtype else options.dtype,
    }
    metadata = {name: _in_ascii(text) for name, text in texts.items() if text}
    size = sum(len(name) + len(value) for name, value in metadata.items())
    if size > MAX_BYTES:
        raise rejected(
            "invalid_option",
            f"The options take {size} bytes of metadata and S3 keeps {MAX_BYTES}: name fewer "
            "columns, or name the ones to exclude.",
        )
    return metadata


def _row(names: Iterable[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(names)
    return text.getvalue()


def _in_ascii(text: str) -> str:
    """RFC 2047 encoded words where the text cannot be a header as it is."""
    if text.isascii() and text.isprintable() and "=?" not in text:
        return text
    return Header(text, "utf-8").encode(linesep="")
