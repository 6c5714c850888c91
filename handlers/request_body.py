"""The body of a request as a JSON object, or a problem that says why it is none."""

from __future__ import annotations

import json
from typing import Any

from handlers.problem_details import bad_request


def parse_object(text: str) -> dict[str, Any]:
    """The object that `text` is. Raises HttpProblem."""
    try:
        body = json.loads(text.removeprefix("\ufeff"), object_pairs_hook=_members)
    except json.JSONDecodeError as error:
        raise bad_request(
            f"The body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}."
        ) from error
    except RecursionError as error:
        raise bad_request("The body is nested too deeply.") from error
    except ValueError as error:
        raise bad_request("The body is not JSON: a number in it has too many digits.") from error
    if not isinstance(body, dict):
        raise bad_request('The body must be an object, such as {"data": [{"price": 1.5}]}.')
    return body


def refuse_unknown(body: dict[str, Any], known: tuple[str, ...], where: str) -> None:
    """Raises HttpProblem when `body`, which is called `where`, has other members than `known`."""
    unknown = [repr(name) for name in body if name not in known]
    if unknown:
        raise bad_request(f"{where} takes {', '.join(known)}; not {', '.join(unknown)}.")


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for name, value in pairs:
        if name in members:
            raise bad_request(f"An object in the body has the member {name!r} twice.")
        members[name] = value
    return members


def is_utf8(text: str) -> bool:
    """Not so for half of a surrogate pair, which JSON can write."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
