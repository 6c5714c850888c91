"""Checks a request's members against their shape in a botocore service model.

botocore's own validator knows required members and types; enums, patterns and lengths, which AWS
refuses and botocore lets pass, are added here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from botocore.validate import ParamValidator


def problems(parameters: dict[str, Any], shape: Any) -> list[str]:
    """What is wrong with `parameters`, in words; `shape` is the operation's input shape."""
    report = ParamValidator().validate(parameters, shape)
    if report.has_errors():
        return [report.generate_report()]
    return list(_constraints(parameters, shape, ""))


def _constraints(value: Any, shape: Any, where: str) -> Iterator[str]:
    if shape.type_name == "structure":
        for name, member in value.items():
            yield from _constraints(member, shape.members[name], f"{where}.{name}".lstrip("."))
    elif shape.type_name == "list":
        for index, item in enumerate(value):
            yield from _constraints(item, shape.member, f"{where}[{index}]")
    elif shape.type_name == "map":
        for key, item in value.items():
            yield from _constraints(item, shape.value, f"{where}.{key}")
    elif shape.type_name == "string":
        yield from _string_constraints(value, shape, where)


def _string_constraints(value: str, shape: Any, where: str) -> Iterator[str]:
    if shape.enum and value not in shape.enum:
        yield f"{where}: {value!r} is not one of {', '.join(shape.enum)}"
    if len(value) > shape.metadata.get("max", len(value)):
        yield f"{where}: longer than {shape.metadata['max']} characters"
    pattern = shape.metadata.get("pattern")
    if pattern and not re.fullmatch(pattern, value, re.DOTALL):
        yield f"{where}: {value!r} does not match {pattern}"
