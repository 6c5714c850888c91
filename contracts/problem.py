"""Why a dataset, a request or a stage ended badly, said once and carried everywhere."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """An error for people.

    `code` is a stable word in snake_case, `message` says what is wrong and what to do next,
    `where` points at it (a key, `line 17`, `column 'fare'`, `row group 3`), or is None.
    """

    code: str
    message: str
    where: str | None = None
