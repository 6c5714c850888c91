"""What a caller is told when a request cannot be served.

AwsError            any error of the wire protocol: a code of the service, and a message
StagingFailed       an object that a Spark run needs cannot be had; the run fails, no request does
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class AwsError(Exception):
    """Answered to the caller as the service's own error of that code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class StagingFailed(Exception):
    """An entry point, module, archive or input of a Spark run cannot be brought to the disk."""


def refuse_unserved(code: str, parameters: Mapping[str, Any], names: tuple[str, ...]) -> None:
    """Raise AwsError of `code` when `parameters` holds one of `names`, which AWS would honour.

    Dropping such a member in silence would let a job run otherwise than it was asked for.
    """
    for name in names:
        if parameters.get(name):
            raise AwsError(code, f"{name} is not served by the local compute endpoint")
