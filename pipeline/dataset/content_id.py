"""What a result follows from: the same content, options and code come to the same result."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from contracts.codec import to_json
from contracts.manifest import Manifest


def content_id(manifest: Manifest, engines: str) -> str:
    """The same for two manifests exactly when their results are, as far as S3 can tell.

    The objects' names do not count, their order does. What S3 tags with something else than a
    digest of the content, such as objects under a KMS key, is unlike any other.
    """
    files = tuple(replace(file, key="", version_id=None) for file in manifest.files)
    options = replace(manifest.options, force=False)
    nameless = replace(manifest, job_id="", bucket="", files=files, options=options)
    return hashlib.sha256(f"{engines} {to_json(nameless)}".encode()).hexdigest()
