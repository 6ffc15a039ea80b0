"""Tensors as raw bytes: little-endian and row-major, as the binary extension of REST and gRPC's raw contents have them.

An element of BYTES carries its length before it, as a little-endian 32-bit number; a BF16 element is the upper half of
an FP32 one.
"""

import struct
import sys
from collections.abc import Iterator
from itertools import repeat

import numpy as np

from slipway_runtime.serve.errors import BadInput
from slipway_runtime.serve.tensors import Array, Datatype, TensorSpec, count

_LENGTH = struct.Struct("<I")
# Below this a copy takes less time than making a view.
_SMALL_BYTES = 4096
_LITTLE = sys.byteorder == "little"


def array_from_bytes(spec: TensorSpec, content: memoryview | bytes, shape: tuple[int, ...]) -> Array:
    """Array of ``shape`` from raw bytes; of numbers, a read-only view on them where the machine is little-endian.

    Raises:
        BadInput: there are more or fewer bytes than the shape needs, or an element of BYTES is no UTF-8.
    """
    elements = count(shape)
    if spec.datatype is Datatype.BYTES:
        return _strings(spec, bytes(content), elements).reshape(shape)
    needed = elements * spec.dtype.itemsize
    if len(content) != needed:
        raise BadInput(
            f'input "{spec.name}": {len(content)} bytes given, {spec.datatype}{list(shape)} needs {needed} bytes'
        )
    array: Array = np.frombuffer(content, spec.dtype.newbyteorder("<")).reshape(shape)
    if spec.datatype is Datatype.BOOL and array.size and int(array.view(np.uint8).max()) > 1:
        raise BadInput(f'input "{spec.name}": a byte of BOOL must be 0 or 1')
    return array if _LITTLE else array.astype(spec.dtype)


def bytes_from_array(datatype: Datatype, array: Array) -> bytes | memoryview:
    """Raw bytes of an array; of numbers, a view on it where that is possible and pays."""
    if datatype is Datatype.BYTES:
        return b"".join(_elements(array))
    if not _LITTLE:
        return array.astype(array.dtype.newbyteorder("<")).tobytes()
    if array.nbytes < _SMALL_BYTES:
        return array.tobytes()
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data


def _elements(array: Array) -> Iterator[bytes]:
    for element in array.flat:
        content = encoded_element(element)
        yield _LENGTH.pack(len(content))
        yield content


def encoded_element(element: object) -> bytes:
    """One element of BYTES as bytes."""
    return element if isinstance(element, bytes) else str(element).encode()


def _strings(spec: TensorSpec, content: bytes, elements: int) -> Array:
    found: list[str] = []
    start, end = 0, len(content)
    for _ in repeat(None, elements):
        if start + _LENGTH.size > end:
            raise _wrong_count(spec, len(found), elements)
        (length,) = _LENGTH.unpack_from(content, start)
        start += _LENGTH.size
        if length > end - start:
            raise BadInput(
                f'input "{spec.name}": element {len(found)} declares {length} bytes, but {end - start} are left'
            )
        found.append(text(spec, content[start : start + length]))
        start += length
    if start != end:
        raise BadInput(f'input "{spec.name}": {end - start} bytes are left after {elements} elements')
    array = np.empty(elements, object)
    array[:] = found
    return array


def text(spec: TensorSpec, content: bytes) -> str:
    """Decode one element of BYTES.

    Raises:
        BadInput: it is no UTF-8.
    """
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise BadInput(f'input "{spec.name}": an element is no UTF-8 text, which is what the model takes') from error


def _wrong_count(spec: TensorSpec, found: int, wanted: int) -> BadInput:
    return BadInput(f'input "{spec.name}": the bytes hold {found} elements of BYTES, the shape needs {wanted}')
