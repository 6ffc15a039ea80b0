"""Tensors on the wire, written and read apart from any server's own code."""

import json
import struct
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from slipway_conformance.server import Answer, Refuted, same

HEADER = "inference-header-content-length"
_NARROW = ("FP16", "FP32", "BF16")

NUMPY: Mapping[str, str] = {
    "BOOL": "|b1",
    "UINT8": "|u1",
    "UINT16": "<u2",
    "UINT32": "<u4",
    "UINT64": "<u8",
    "INT8": "|i1",
    "INT16": "<i2",
    "INT32": "<i4",
    "INT64": "<i8",
    "FP16": "<f2",
    "FP32": "<f4",
    "FP64": "<f8",
}
"""numpy's word for each datatype that it has, little-endian."""

VALUES: Mapping[str, Sequence[Any]] = {
    "BOOL": (True, False),
    "UINT8": (0, 2**8 - 1),
    "UINT16": (0, 2**16 - 1),
    "UINT32": (0, 2**32 - 1),
    "UINT64": (1, 2**64 - 1),
    "INT8": (-(2**7), 2**7 - 1),
    "INT16": (-(2**15), 2**15 - 1),
    "INT32": (-(2**31), 2**31 - 1),
    "INT64": (-(2**63), 2**63 - 1),
    "FP16": (0.5, -65504.0),
    "FP32": (1.5, 3.4028234663852886e38),
    "FP64": (1e-300, 0.1),
    "BF16": (1.5, -3.0),
    "BYTES": ("", "naïve 日本"),
}
"""Two values of each datatype that a wrong width, sign or encoding would change."""


class Output(NamedTuple):
    """One tensor of an answer; ``values`` are flat, texts as bytes."""

    datatype: str
    shape: tuple[int, ...]
    values: list[Any]
    binary: bool


class Inference(NamedTuple):
    """A whole answer to an inference."""

    document: dict[str, Any]
    outputs: dict[str, Output]


def tensor(
    values: object, *, shape: Sequence[int], datatype: str = "FP32", name: str = "input", **fields: Any
) -> dict[str, Any]:
    """An input whose data is in the JSON."""
    return {"name": name, "shape": list(shape), "datatype": datatype, "data": values, **fields}


def behind(size: int, *, shape: Sequence[int], datatype: str = "FP32", name: str = "input") -> dict[str, Any]:
    """An input whose data is ``size`` bytes behind the JSON."""
    return {"name": name, "shape": list(shape), "datatype": datatype, "parameters": {"binary_data_size": size}}


def to_bytes(datatype: str, values: Sequence[Any]) -> bytes:
    """The protocol's raw form of flat values."""
    if datatype == "BYTES":
        texts = [value if isinstance(value, bytes) else str(value).encode() for value in values]
        return b"".join(struct.pack("<I", len(text)) + text for text in texts)
    if datatype == "BF16":
        upper = np.array(values, "<f4").view("<u4") >> 16
        return upper.astype("<u2").tobytes()
    return np.array(values, NUMPY[datatype]).tobytes()


def from_bytes(datatype: str, content: bytes) -> list[Any]:
    """Flat values from their raw form.

    Raises:
        Refuted: the bytes are no such form.
    """
    if datatype == "BYTES":
        return _texts(content)
    width = 2 if datatype == "BF16" else np.dtype(NUMPY[datatype]).itemsize
    if len(content) % width:
        raise Refuted(f"{len(content)} bytes are no whole number of {datatype} elements")
    if datatype == "BF16":
        wide = np.frombuffer(content, "<u2").astype("<u4") << np.uint32(16)
        return list(wide.astype("<u4").view("<f4").tolist())
    return list(np.frombuffer(content, NUMPY[datatype]).tolist())


def _texts(content: bytes) -> list[bytes]:
    texts = []
    start = 0
    while start < len(content):
        if start + 4 > len(content):
            raise Refuted("the bytes of BYTES end within a length")
        (length,) = struct.unpack_from("<I", content, start)
        start += 4
        if start + length > len(content):
            raise Refuted(f"an element of BYTES declares {length} bytes, {len(content) - start} are left")
        texts.append(content[start : start + length])
        start += length
    return texts


def read(answer: Answer) -> Inference:
    """Read an answer of status 200, JSON alone or with tensors behind it.

    Raises:
        Refuted: it is not as the protocol says.
    """
    answer.ok()
    length = answer.headers.get(HEADER)
    if length is None:
        document, rest = answer.json(), b""
    else:
        head = answer.body[: int(length)]
        document = answer._replace(body=head, headers={"content-type": "application/json"}).json()
        rest = answer.body[int(length) :]
    outputs: dict[str, Output] = {}
    for told in document["outputs"]:
        output, rest = _output(told, rest)
        outputs[told["name"]] = output
    same(len(rest), 0, "what is left behind the last tensor")
    return Inference(document, outputs)


def _output(told: Mapping[str, Any], rest: bytes) -> tuple[Output, bytes]:
    datatype, shape = told["datatype"], tuple(told["shape"])
    size = (told.get("parameters") or {}).get("binary_data_size")
    if size is None:
        values = _flat(told["data"])
        if datatype == "BYTES":
            values = [value.encode() for value in values]
        elif datatype in _NARROW:
            # JSON tells the shortest decimals that mean the same number of this width.
            values = from_bytes(datatype, to_bytes(datatype, values))
    else:
        values, rest = from_bytes(datatype, rest[:size]), rest[size:]
    if len(values) != int(np.prod(shape)):
        raise Refuted(f'output "{told["name"]}" has {len(values)} elements, its shape is {list(shape)}')
    return Output(datatype, shape, values, binary=size is not None), rest


def _flat(data: object) -> list[Any]:
    """Flatten what may be nested; a scalar may stand alone."""
    if not isinstance(data, list):
        return [data]
    return [element for part in data for element in _flat(part)] if any(isinstance(x, list) for x in data) else data


def plain(datatype: str, values: Sequence[Any]) -> list[Any]:
    """Values as ``read`` tells them."""
    return [str(value).encode() for value in values] if datatype == "BYTES" else list(values)


def with_tensors(document: object, *parts: bytes) -> tuple[bytes, dict[str, str]]:
    """Body and headers of a request whose JSON is followed by tensors."""
    head = json.dumps(document).encode()
    return b"".join((head, *parts)), {HEADER: str(len(head)), "Content-Type": "application/octet-stream"}
