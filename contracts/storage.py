"""Documents in S3: one place that reads and writes them, with the caller's client.

Spark on EMR names its inputs `s3://…`; where they have been laid on the disk the spec's URI is a
`file://…`, which reads the same.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol, TypeVar
from urllib.parse import unquote, urlsplit

from contracts.codec import from_json, to_json
from contracts.layout import S3Uri

T = TypeVar("T")


class S3Client(Protocol):
    """The part of boto3's S3 client that documents need."""

    def get_object(self, **kwargs: Any) -> Any: ...

    def put_object(self, **kwargs: Any) -> Any: ...


def read_document(cls: type[T], uri: str, s3: S3Client) -> T:
    """The document of class `cls` at `uri`. Raises what the client raises, and DocumentError."""
    parts = urlsplit(uri)
    if parts.scheme == "file":
        return from_json(cls, Path(unquote(parts.path)).read_bytes())
    place = S3Uri.parse(uri)
    body: bytes = s3.get_object(Bucket=place.bucket, Key=place.key)["Body"].read()
    return from_json(cls, body)


def write_document(document: Any, uri: str, s3: S3Client) -> None:
    """Write `document` to the `s3://` URI as JSON."""
    place = S3Uri.parse(uri)
    s3.put_object(
        Bucket=place.bucket,
        Key=place.key,
        Body=to_json(document).encode(),
        ContentType="application/json",
    )


def create_object(place: S3Uri, body: bytes, s3: S3Client, **options: Any) -> bool:
    """Put an object unless there is one already; whether it was put. Raises what the client raises.

    Of two that put it at once S3 may refuse both.
    """
    try:
        s3.put_object(Bucket=place.bucket, Key=place.key, Body=body, IfNoneMatch="*", **options)
    except Exception as error:
        # botocore's other errors have none, or None.
        response: Any = getattr(error, "response", None) or {}
        code = response.get("Error", {}).get("Code")
        if code not in ("PreconditionFailed", "ConditionalRequestConflict"):
            raise
        return False
    return True
