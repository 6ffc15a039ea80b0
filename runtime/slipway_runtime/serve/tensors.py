"""Tensors as the Open Inference Protocol names them, and JSON data made into arrays without silent conversions."""

import struct
from dataclasses import dataclass
from enum import StrEnum
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from slipway_runtime.serve.errors import BadInput

Array = npt.NDArray[Any]
DYNAMIC = -1


class Datatype(StrEnum):
    """Element types of the Open Inference Protocol."""

    BOOL = "BOOL"
    UINT8 = "UINT8"
    UINT16 = "UINT16"
    UINT32 = "UINT32"
    UINT64 = "UINT64"
    INT8 = "INT8"
    INT16 = "INT16"
    INT32 = "INT32"
    INT64 = "INT64"
    FP16 = "FP16"
    FP32 = "FP32"
    FP64 = "FP64"
    BF16 = "BF16"
    BYTES = "BYTES"

    @property
    def numpy(self) -> np.dtype[Any]:
        """The numpy type that holds it; BYTES are objects of ``str``, BF16 its bits, because numpy has no such type."""
        match self:
            case Datatype.BF16:
                return np.dtype(np.uint16)
            case Datatype.BOOL:
                return np.dtype(np.bool_)
            case Datatype.BYTES:
                return np.dtype(object)
            case Datatype.FP16 | Datatype.FP32 | Datatype.FP64:
                return np.dtype(f"float{self[2:]}")
            case _:
                return np.dtype(self.lower())


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """Name, element type and shape of one input or output; -1 is a dimension that each request chooses."""

    name: str
    datatype: Datatype
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @classmethod
    def of(cls, name: str, datatype: Datatype, shape: tuple[int, ...]) -> "TensorSpec":
        """Derive the numpy type, once, because each request needs it."""
        return cls(name, datatype, shape, datatype.numpy)

    def describe(self) -> str:
        """Type and shape as messages show them, for example ``FP32[-1, 64]``."""
        return f"{self.datatype}{list(self.shape)}"

    def check_shape(self, shape: tuple[int, ...]) -> None:
        """Raise BadInput unless ``shape`` has the right rank and every fixed dimension."""
        if len(shape) == len(self.shape):
            # Nearly every model frees its first dimension only, and one comparison settles it.
            if self.shape[:1] == (DYNAMIC,) and shape[1:] == self.shape[1:]:
                return
            for given, wanted in zip(shape, self.shape, strict=True):
                if wanted not in (DYNAMIC, given):
                    break
            else:
                return
        raise BadInput(
            f'input "{self.name}": shape {list(shape)} given, the model expects {list(self.shape)} (-1: any)'
        )


def array_from_json(spec: TensorSpec, data: object) -> Array:
    """Array of ``spec.dtype`` from a JSON list, flat or nested, in the shape of its nesting.

    Nothing is converted silently: a float is no integer, text is no number, and what overflows the type is refused.

    Raises:
        BadInput: ``data`` is no list, is ragged, or holds an element that the type cannot carry.
    """
    if not isinstance(data, list):
        raise BadInput(f'input "{spec.name}": "data" must be a list, flat or nested, of {spec.datatype} elements')
    if spec.datatype is Datatype.BYTES:
        return _strings(spec, data)
    try:
        array = np.array(data)
    except (ValueError, OverflowError, TypeError) as error:
        raise BadInput(f'input "{spec.name}": "data" is ragged: lists of one level must have equal lengths') from error
    if array.size == 0:
        return array.astype(spec.dtype)
    if spec.datatype is Datatype.BF16:
        bits = bf16_bits(_floats(spec, array, np.dtype(np.float32)))
        if ((bits & _BF16_INFINITE) == _BF16_INFINITE).any():
            raise BadInput(f'input "{spec.name}": a number is too large for BF16 (at most {_BF16_MAX:.6g})')
        return bits
    if spec.dtype.kind == "f":
        return _floats(spec, array, spec.dtype)
    if spec.dtype.kind == "b":
        if array.dtype.kind != "b":
            raise _wrong_elements(spec, "true and false")
        return array
    return _integers(spec, array, data)


def floats_from_json(spec: TensorSpec, data: list[Any], shape: list[int]) -> Array | None:
    """Array of ``spec.dtype``, a float type, from a flat list of as many numbers as ``shape`` holds, at least one.

    None when an element is no number or too large for the type; ``array_from_json`` then says so, or takes it after
    all. Packing is a third of the work of numpy's own conversion, which first looks for a common type.
    """
    if type(data[0]) is bool:
        return None
    try:
        # "=": the machine's byte order, but with the check for overflow that its native form lacks.
        packed = struct.pack(f"={len(data)}{spec.dtype.char}", *data)
    except (struct.error, OverflowError):
        return None
    return np.ndarray(shape, spec.dtype, packed)


# By bytes of a float type: a sum of squares below which no element can overflow it.
_SAFE_SQUARES = {2: 65504.0**2, 4: 3.4e38**2, 8: 1.7e308}


_BF16_INFINITE = np.uint16(0x7F80)
_BF16_MAX = 3.38953e38


def _floats(spec: TensorSpec, array: Array, dtype: np.dtype[Any]) -> Array:
    if array.dtype.kind not in "fiu":
        raise _wrong_elements(spec, "numbers (no null, text or true/false)")
    if array.dtype.kind == "f":
        # One product settles it for nearly every request, at a tenth of the cost of looking for what is not finite.
        flat = array.ravel()
        if flat.dot(flat) < _SAFE_SQUARES[dtype.itemsize]:
            return array.astype(dtype, copy=False)
    with np.errstate(over="ignore"):
        converted = array.astype(dtype, copy=False)
    if not np.isfinite(converted).all():
        limit = np.finfo(dtype).max
        raise BadInput(f'input "{spec.name}": a number is too large for {spec.datatype} (at most {limit:.6g})')
    return converted


def bf16_bits(floats: Array) -> Array:
    """Bits of BF16, as uint16, nearest to each float32; a tie goes to the even one. What is no number stays none."""
    wide = floats.astype(np.float32).view(np.uint32)
    rounded = (wide + np.uint32(0x7FFF) + ((wide >> np.uint32(16)) & np.uint32(1))) >> np.uint32(16)
    quiet_nan = (wide >> np.uint32(16)) | np.uint32(0x40)
    return np.where(np.isnan(floats), quiet_nan, rounded).astype(np.uint16)


def bf16_floats(bits: Array) -> Array:
    """The float32 values that bits of BF16 stand for."""
    return (bits.astype(np.uint32) << np.uint32(16)).view(np.float32)


def _integers(spec: TensorSpec, array: Array, data: list[Any]) -> Array:
    if spec.datatype is Datatype.UINT64 and array.dtype.kind == "f":
        # numpy makes floats of a list that mixes small integers with some beyond 2^63, and so rounds them.
        exact = np.array(data, dtype=object)
        if all(type(element) is int and element >= 0 for element in exact.flat):
            return exact.astype(np.uint64)
    if array.dtype.kind not in "iu":
        raise _wrong_elements(spec, "integers, within the type's range")
    bounds = np.iinfo(spec.dtype)
    if int(array.min()) < bounds.min or int(array.max()) > bounds.max:
        raise BadInput(f'input "{spec.name}": {spec.datatype} elements lie within {bounds.min} and {bounds.max}')
    return array.astype(spec.dtype, copy=False)


def _strings(spec: TensorSpec, data: list[Any]) -> Array:
    # An object array, because numpy's own text type drops trailing NUL characters.
    try:
        array = np.array(data, dtype=object)
    except ValueError as error:
        raise BadInput(f'input "{spec.name}": "data" is ragged: lists of one level must have equal lengths') from error
    if not all(isinstance(element, str) for element in array.flat):
        raise _wrong_elements(spec, "strings, in lists of equal lengths")
    return array


def _wrong_elements(spec: TensorSpec, wanted: str) -> BadInput:
    return BadInput(f'input "{spec.name}": {spec.datatype} elements must be {wanted}')


def count(shape: tuple[int, ...]) -> int:
    """Elements in a tensor of ``shape``; a scalar has one."""
    return prod(shape)
