"""Tensors as lists of typed elements, the other form beside raw bytes."""

from typing import Any

import numpy as np

from slipway_runtime.serve.errors import BadInput
from slipway_runtime.serve.grpc.inference_pb2 import InferTensorContents
from slipway_runtime.serve.protocols.raw import encoded_element, text
from slipway_runtime.serve.tensors import Array, Datatype, TensorSpec, count

_FIELDS = {
    Datatype.BOOL: "bool_contents",
    Datatype.INT8: "int_contents",
    Datatype.INT16: "int_contents",
    Datatype.INT32: "int_contents",
    Datatype.INT64: "int64_contents",
    Datatype.UINT8: "uint_contents",
    Datatype.UINT16: "uint_contents",
    Datatype.UINT32: "uint_contents",
    Datatype.UINT64: "uint64_contents",
    Datatype.FP32: "fp32_contents",
    Datatype.FP64: "fp64_contents",
    Datatype.BYTES: "bytes_contents",
}


def has_typed_form(datatype: Datatype) -> bool:
    """Whether there is a list for this datatype; there is none for floats of 16 bits."""
    return datatype in _FIELDS


def array_from_contents(spec: TensorSpec, contents: InferTensorContents, shape: tuple[int, ...]) -> Array:
    """Array of ``shape`` from the list for its datatype.

    Raises:
        BadInput: the datatype has no list, the list has another length than the shape needs, or an element is out of
            the type's range or no UTF-8.
    """
    name = _FIELDS.get(spec.datatype)
    if name is None:
        raise BadInput(f'input "{spec.name}": {spec.datatype} has no typed contents; send it in raw_input_contents')
    elements: Any = getattr(contents, name)
    needed = count(shape)
    if len(elements) != needed:
        raise BadInput(f'input "{spec.name}": {name} has {len(elements)} elements, shape {list(shape)} needs {needed}')
    if spec.datatype is Datatype.BYTES:
        array = np.empty(needed, object)
        array[:] = [text(spec, element) for element in elements]
        return array.reshape(shape)
    try:
        return np.fromiter(elements, spec.dtype, needed).reshape(shape)
    except OverflowError as error:
        bounds = np.iinfo(spec.dtype)
        raise BadInput(
            f'input "{spec.name}": {spec.datatype} elements lie within {bounds.min} and {bounds.max}'
        ) from error


def contents_from_array(datatype: Datatype, array: Array) -> InferTensorContents:
    """The list of a datatype that has one."""
    elements: list[Any] = array.ravel().tolist()
    if datatype is Datatype.BYTES:
        elements = [encoded_element(element) for element in elements]
    return InferTensorContents(**{_FIELDS[datatype]: elements})
