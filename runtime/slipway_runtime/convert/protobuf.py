"""The outermost fields of a protocol buffer, without its schema and without reading what is in them."""

import os
from pathlib import Path
from typing import IO

_MOST = 4096
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_LONGEST = 10


def outer_fields(path: Path) -> frozenset[tuple[int, int]] | None:
    """Field numbers with their wire types, of a file that is one message from its first byte to its last; else None."""
    size = path.stat().st_size
    found: set[tuple[int, int]] = set()
    with path.open("rb") as file:
        for _ in range(_MOST):
            if file.tell() == size:
                return frozenset(found) or None
            key = _varint(file)
            if key is None or key >> 3 == 0:
                return None
            skip = _width(file, key & 7)
            if skip is None or file.tell() + skip > size:
                return None
            file.seek(skip, os.SEEK_CUR)
            found.add((key >> 3, key & 7))
    return None


def _width(file: IO[bytes], wire: int) -> int | None:
    if wire == _BYTES:
        return _varint(file)
    if wire == _VARINT:
        return None if _varint(file) is None else 0
    return {_FIXED64: 8, _FIXED32: 4}.get(wire)


def _varint(file: IO[bytes]) -> int | None:
    value = 0
    for position in range(_LONGEST):
        byte = file.read(1)
        if not byte:
            return None
        value |= (byte[0] & 0x7F) << (7 * position)
        if byte[0] < 0x80:  # noqa: PLR2004 - the bit that says more follows
            return value
    return None
