"""Thrift's compact protocol, in which Parquet footers are written, as plain values.

pyarrow ends the whole process when the description of a column chunk in a footer contradicts
itself, so chunks are looked up here. Source: thrift-compact-protocol.md in apache/thrift.
"""

from __future__ import annotations

from typing import Any

_TRUE, _FALSE, _BYTE = 1, 2, 3
_INTEGERS = (4, 5, 6)
_DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT, _UUID = 7, 8, 9, 10, 11, 12, 13
_FIXED_BYTES = {_BYTE: 1, _DOUBLE: 8, _UUID: 16}


def parse_struct(data: bytes) -> dict[int, Any]:
    """The fields by their ids: integers, bytes, lists and dicts.

    Bytes, doubles and UUIDs stay bytes. Raises ValueError when `data` is no such struct.
    """
    try:
        return _Reader(data).struct()
    except (IndexError, RecursionError) as error:
        raise ValueError(f"not a Thrift struct: {error}") from error


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def struct(self) -> dict[int, Any]:
        fields: dict[int, Any] = {}
        field = 0
        while header := self._byte():
            step, kind = header >> 4, header & 15
            field = field + step if step else self._integer()
            fields[field] = kind == _TRUE if kind in (_TRUE, _FALSE) else self._value(kind)
        return fields

    def _value(self, kind: int) -> Any:
        if kind in _INTEGERS:
            return self._integer()
        if kind == _BINARY:
            return self._bytes(self._varint())
        if kind == _STRUCT:
            return self.struct()
        if kind in (_LIST, _SET):
            return self._list()
        if kind == _MAP:
            return self._map()
        if kind in (_TRUE, _FALSE):
            return self._byte() == _TRUE
        if kind in _FIXED_BYTES:
            return self._bytes(_FIXED_BYTES[kind])
        raise ValueError(f"no Thrift type has the number {kind}")

    def _list(self) -> list[Any]:
        header = self._byte()
        size = header >> 4
        return [self._value(header & 15) for _ in range(self._varint() if size == 15 else size)]

    def _map(self) -> dict[Any, Any]:
        size = self._varint()
        kinds = self._byte() if size else 0
        return {self._value(kinds >> 4): self._value(kinds & 15) for _ in range(size)}

    def _byte(self) -> int:
        self._at += 1
        return self._data[self._at - 1]

    def _bytes(self, size: int) -> bytes:
        self._at += size
        if self._at > len(self._data):
            raise IndexError("it ends too early")
        return self._data[self._at - size : self._at]

    def _varint(self) -> int:
        value = shift = 0
        while (byte := self._byte()) & 0x80:
            value |= (byte & 0x7F) << shift
            shift += 7
        return value | byte << shift

    def _integer(self) -> int:
        zigzag = self._varint()
        return zigzag >> 1 ^ -(zigzag & 1)
