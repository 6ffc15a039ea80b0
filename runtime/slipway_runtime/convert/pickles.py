"""What a pickle is about, read from its opcodes. Nothing here unpickles."""

import bz2
import io
import lzma
import pickletools
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

_UNPACKERS: tuple[tuple[bytes, Callable[[bytes], bytes]], ...] = (
    # 32 more than the largest window: zlib's header or gzip's, whichever is there.
    *(
        (magic, lambda packed: zlib.decompressobj(wbits=47).decompress(packed, _READ))
        for magic in (b"\x1f\x8b", b"\x78")
    ),
    (b"BZh", lambda packed: bz2.BZ2Decompressor().decompress(packed, _READ)),
    *(
        (magic, lambda packed: lzma.LZMADecompressor().decompress(packed, _READ))
        for magic in (b"\xfd7zXZ", b"\x5d\x00")
    ),
)
_READ = 8 * 1024 * 1024
"""Bytes that are looked at: the names of an estimator's classes come first."""
_OPCODES = 200_000
_ENOUGH = 3
"""Opcodes that must read before bytes without a magic number count as a pickle."""
TORCH_MAGIC = 119547037146038801333356
"""First number of what ``torch.save`` wrote before it wrote zip archives."""


def pickle_globals(path: Path) -> tuple[str, ...] | None:
    """The classes and functions that a pickle names, ``module.name``, in order; None when the file is no pickle.

    joblib's compressed files are unpacked in memory, the first megabytes only. joblib writes arrays as raw bytes
    between the opcodes; what is named after the first of them is not seen.
    """
    content = _head(path)
    if content is None:
        return None
    certain = content[:1] == b"\x80"
    if not certain and content[:1] not in {b"(", b"c", b"]", b"}"}:
        return None
    names, read = _scan(content)
    return names if certain or (names and read >= _ENOUGH) else None


def _head(path: Path) -> bytes | None:
    with path.open("rb") as file:
        content = file.read(_READ)
    unpack = next((unpack for magic, unpack in _UNPACKERS if content.startswith(magic)), None)
    try:
        return content if unpack is None else unpack(content)
    except (OSError, EOFError, lzma.LZMAError, zlib.error):
        return None


def _scan(content: bytes) -> tuple[tuple[str, ...], int]:
    names = _Names()
    read = 0
    try:
        for read, (opcode, argument, _) in enumerate(pickletools.genops(io.BytesIO(content))):
            names.take(opcode.name, argument)
            if read >= _OPCODES:
                break
    except Exception:  # noqa: BLE001 - raw arrays, or a file cut short, end the opcodes in many ways
        return tuple(names.found), read
    return tuple(names.found), read


class _Names:
    """What opcodes name, by following texts and the memo alone."""

    def __init__(self) -> None:
        self.found: dict[str, None] = {}
        self._words: list[str] = []
        self._memo: dict[int, str] = {}

    def take(self, opcode: str, argument: Any) -> None:
        """Follow one opcode."""
        if opcode in {"GLOBAL", "INST"}:
            self.found[str(argument).replace(" ", ".", 1)] = None
        elif opcode == "STACK_GLOBAL":
            self.found[".".join(self._words[-2:])] = None
        elif opcode.startswith("LONG") and argument == TORCH_MAGIC:
            self.found["torch.save"] = None
        else:
            self._follow(opcode, argument)

    def _follow(self, opcode: str, argument: Any) -> None:
        last = self._words[-1] if self._words else ""
        if "UNICODE" in opcode or opcode in {"STRING", "BINSTRING", "SHORT_BINSTRING"}:
            self._words.append(str(argument))
        elif opcode == "MEMOIZE":
            self._memo[len(self._memo)] = last
        elif opcode.endswith("PUT"):
            self._memo[int(argument)] = last
        elif opcode.endswith("GET"):
            self._words.append(self._memo.get(int(argument), ""))
