"""What the error of a pipeline says: to a person, and whether S3 is at fault."""

from __future__ import annotations

import re

from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]

from contracts import outage

S3_FAILED = re.compile(
    # pyarrow's file system, in a Python worker
    r"AWS Error (NETWORK_CONNECTION|SLOW_DOWN|SERVICE_UNAVAILABLE|INTERNAL_FAILURE|THROTTLING"
    r"|REQUEST_TIMEOUT)|HTTP status 5\d\d"
    # EMRFS and S3A, in the JVM
    r"|Status Code: 5\d\d|SlowDown|SdkClientException|AWSClientIOException|AWSServiceIOException"
    r"|AWSServiceThrottledException|AWSStatus500Exception"
    r"|java\.net\.(SocketTimeout|SocketException|UnknownHost|Connect|NoRouteToHost)"
)
"""Only the words are left of an error that Spark passes on."""


def is_outage(error: Exception) -> bool:
    """Whether S3 could not be reached, failed, or was asked too often."""
    if not isinstance(error, Py4JJavaError):
        return outage.is_outage(error) or S3_FAILED.search(str(error)) is not None
    cause = error.java_exception
    while cause is not None:
        if S3_FAILED.search(str(cause.toString())):
            return True
        cause = cause.getCause()
    return False


def in_one_line(error: Exception) -> str:
    """What a person needs of an error; of one in a Python worker, the worker's own."""
    if not isinstance(error, Py4JJavaError):
        first_line = next(iter(str(error).splitlines()), "")
        return f"{type(error).__name__}: {first_line}"
    # Its message alone may be null or empty.
    message = str(error.java_exception.toString())
    _, _, traceback = message.partition("Traceback (most recent call last):\n")
    lines = (traceback or message).splitlines()
    return next(line for line in lines if not line.startswith(" "))
