"""JSON for frozen dataclasses: `to_json` and `from_json` are each other's inverse.

Numbers that JSON cannot hold (NaN, the infinities) are refused when writing, so that every
document is valid for every reader. Unknown keys are ignored when reading, so that an old
reader understands a newer writer.
"""

from __future__ import annotations

import dataclasses
import json
import types
from collections.abc import Mapping
from enum import Enum
from functools import cache
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")


class DocumentError(ValueError):
    """A document does not have the shape its class asks for."""


def to_json(document: Any) -> str:
    """The document as one line of JSON. Raises ValueError for NaN and infinities."""
    return json.dumps(to_plain(document), ensure_ascii=False, allow_nan=False)


def from_json(cls: type[T], text: str | bytes) -> T:
    """The document of class `cls` that `text` holds. Raises DocumentError when it does not fit."""
    try:
        plain = json.loads(text)
    except ValueError as error:
        raise DocumentError(f"not JSON: {error}") from error
    return from_plain(cls, plain)


def to_plain(value: Any) -> Any:
    """Dataclasses as dicts, enums as their values, tuples as lists, all the way down."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_plain(item) for item in value]
    return value


def from_plain(cls: type[T], plain: Any) -> T:
    """The inverse of `to_plain`, led by the annotations of `cls`."""
    return _decode(cls, plain, cls.__name__)  # type: ignore[no-any-return]


def _decode(annotation: Any, plain: Any, where: str) -> Any:
    origin = get_origin(annotation)
    if annotation is Any:
        return plain
    if origin in (Union, types.UnionType):
        return _decode_union(get_args(annotation), plain, where)
    if origin is tuple:
        return _decode_tuple(get_args(annotation), plain, where)
    if origin in (dict, Mapping):
        if not isinstance(plain, dict):
            raise DocumentError(f"{where}: expected an object, found {plain!r}")
        _, item = get_args(annotation)
        return {key: _decode(item, value, f"{where}.{key}") for key, value in plain.items()}
    if dataclasses.is_dataclass(annotation):
        return _decode_dataclass(annotation, plain, where)
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        try:
            return annotation(plain)
        except ValueError as error:
            raise DocumentError(f"{where}: {error}") from error
    if annotation is float and type(plain) is int:
        return float(plain)
    if isinstance(annotation, type) and type(plain) is annotation:
        return plain
    raise DocumentError(f"{where}: expected {annotation}, found {plain!r}")


def _decode_union(members: tuple[Any, ...], plain: Any, where: str) -> Any:
    if plain is None and type(None) in members:
        return None
    reasons = []
    for member in members:
        if member is type(None):
            continue
        try:
            return _decode(member, plain, where)
        except DocumentError as error:
            reasons.append(str(error))
    raise DocumentError("; ".join(reasons) or f"{where}: must not be null")


def _decode_tuple(items: tuple[Any, ...], plain: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(plain, list):
        raise DocumentError(f"{where}: expected a list, found {plain!r}")
    if len(items) == 2 and items[1] is Ellipsis:
        return tuple(_decode(items[0], item, f"{where}[{i}]") for i, item in enumerate(plain))
    if len(items) != len(plain):
        raise DocumentError(f"{where}: expected {len(items)} items, found {len(plain)}")
    return tuple(
        _decode(item, value, f"{where}[{i}]")
        for i, (item, value) in enumerate(zip(items, plain, strict=True))
    )


def _decode_dataclass(cls: Any, plain: Any, where: str) -> Any:
    if not isinstance(plain, dict):
        raise DocumentError(f"{where}: expected an object, found {plain!r}")
    hints = _type_hints(cls)
    values = {
        field.name: _decode(hints[field.name], plain[field.name], f"{where}.{field.name}")
        for field in dataclasses.fields(cls)
        if field.name in plain
    }
    try:
        return cls(**values)
    except TypeError as error:
        raise DocumentError(f"{where}: {error}") from error


@cache
def _type_hints(cls: Any) -> dict[str, Any]:
    # Resolving them takes longer than all the rest, and a summary holds thousands of one class.
    return get_type_hints(cls)
