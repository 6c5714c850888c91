"""By which columns, and into how many groups, rows can be grouped.

Validation, normalization and Spark all hold to it, so that nobody pays for a run that must fail.
"""

import re

MOST_GROUPS = 10_000
"""More groups than this are no summary any more, and too many for one document."""

_DICTIONARY = re.compile(r"dictionary<values=(.*), indices=\w+, ordered=[01]>")
_GROUPABLE = re.compile(
    r"(large_)?string|string_view|bool|u?int(8|16|32|64)|float|double|decimal128\(.*\)|"
    r"date32\[day\]|timestamp\[.*\]"
)


def can_group(type_name: str) -> bool:
    """Whether rows can be grouped by a column of this Arrow type, spelled as in manifests.

    Of a dictionary-encoded column the type of the values decides.
    """
    dictionary = _DICTIONARY.fullmatch(type_name)
    if dictionary:
        return can_group(dictionary[1])
    return _GROUPABLE.fullmatch(type_name) is not None
