"""As much of protobuf's encoding as the protocol's messages need: no generated code, and so no version of protobuf.

A message is a list of fields, each a number and a value: int (varint), bytes, str, or a message.
"""

import struct
from collections.abc import Iterable, Sequence
from typing import Any

Message = Sequence[tuple[int, Any]]
_VARINT, _LENGTH = 0, 2
_LOW = 0x7F
_MORE = 0x80
_TWO_POW_64 = 1 << 64


def encode(message: Message) -> bytes:
    """Bytes of a message; negative integers are written as the ten bytes of their two's complement."""
    return b"".join(_field(number, value) for number, value in message)


def packed_varints(values: Iterable[int]) -> bytes:
    """A repeated field of integers or truths, packed."""
    return b"".join(_varint(int(value)) for value in values)


def _field(number: int, value: Any) -> bytes:
    if isinstance(value, int):
        return _varint(number << 3 | _VARINT) + _varint(value)
    content = value if isinstance(value, bytes) else value.encode() if isinstance(value, str) else encode(value)
    return _varint(number << 3 | _LENGTH) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    value %= _TWO_POW_64
    found = bytearray()
    while value > _LOW:
        found.append(value & _LOW | _MORE)
        value >>= 7
    found.append(value)
    return bytes(found)


class Fields:
    """A decoded message: values by the number of their field."""

    def __init__(self, content: bytes) -> None:
        """Decode.

        Raises:
            ValueError: these bytes are no message.
        """
        self._values: dict[int, list[Any]] = {}
        start = 0
        while start < len(content):
            key, start = _read_varint(content, start)
            value, start = _read(key & 7, content, start)
            self._values.setdefault(key >> 3, []).append(value)

    def all(self, number: int) -> list[Any]:
        """Values of a repeated field."""
        return self._values.get(number, [])

    def text(self, number: int) -> str:
        """A field of text; empty when it is not there."""
        values = self.all(number)
        return values[-1].decode() if values else ""

    def number(self, number: int) -> int:
        """A field of an integer or truth; 0 when it is not there."""
        values = self.all(number)
        return int(values[-1]) if values else 0

    def messages(self, number: int) -> list["Fields"]:
        """A repeated field of messages."""
        return [Fields(value) for value in self.all(number)]

    def varints(self, number: int) -> list[int]:
        """A repeated field of integers, packed or not, read as signed."""
        found: list[int] = []
        for value in self.all(number):
            if isinstance(value, int):
                found.append(value)
                continue
            start = 0
            while start < len(value):
                one, start = _read_varint(value, start)
                found.append(one)
        return [value - _TWO_POW_64 if value >> 63 else value for value in found]

    def packed(self, number: int) -> bytes:
        """A repeated field of fixed width, packed or not, as its bytes."""
        return b"".join(self.all(number))


def _read(kind: int, content: bytes, start: int) -> tuple[Any, int]:
    match kind:
        case 0:
            return _read_varint(content, start)
        case 1:
            return content[start : start + 8], start + 8
        case 2:
            length, start = _read_varint(content, start)
            if start + length > len(content):
                raise ValueError("a field is longer than its message")
            return content[start : start + length], start + length
        case 5:
            return content[start : start + 4], start + 4
    raise ValueError(f"protobuf has no wire type {kind}")


def _read_varint(content: bytes, start: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if start >= len(content):
            raise ValueError("a message ends within a number")
        byte = content[start]
        start += 1
        value |= (byte & _LOW) << shift
        shift += 7
        if not byte & _MORE:
            return value, start


def packed_floats(code: str, values: Sequence[float]) -> bytes:
    """A repeated field of ``float`` (code ``f``) or ``double`` (``d``), packed."""
    return struct.pack(f"<{len(values)}{code}", *values)
