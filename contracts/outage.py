"""How a job says that a service which it needs has failed, so that another attempt may succeed."""

from __future__ import annotations

EXIT = 75
"""EX_TEMPFAIL: the exit code of such a job."""

_THROTTLES = ("SlowDown", "ThrottlingException", "Throttling", "RequestLimitExceeded")
_OUR_MISTAKES = ("ParamValidationError", "UnknownServiceError", "NoRegionError")


def is_outage(error: BaseException) -> bool:
    """Whether AWS could not be reached, or answered that it failed or was asked too often.

    botocore is known by its names, since the contracts import nothing.
    """
    response = getattr(error, "response", None)
    if isinstance(response, dict) and "Error" in response:
        status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return bool(status >= 500 or response["Error"].get("Code") in _THROTTLES)
    kind = type(error)
    return kind.__module__ == "botocore.exceptions" and kind.__name__ not in _OUR_MISTAKES
