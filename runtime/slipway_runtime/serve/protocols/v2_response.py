"""Answers of the Open Inference Protocol over REST, when they are more than the usual JSON."""

from typing import Any

import numpy as np
import orjson

from slipway_runtime.serve.engine import InferenceResponse
from slipway_runtime.serve.errors import BadInput
from slipway_runtime.serve.model import ServedModel
from slipway_runtime.serve.protocols.raw import bytes_from_array
from slipway_runtime.serve.protocols.v2_json import json_data
from slipway_runtime.serve.protocols.v2_terms import Wishes
from slipway_runtime.serve.tensors import Array, Datatype, bf16_floats


def encode_as_wished(model: ServedModel, response: InferenceResponse, wishes: Wishes) -> tuple[bytes, int | None]:
    """The body, and the length of the JSON in it when tensors follow it as bytes.

    Raises:
        BadInput: classes are wanted of an output that has no scores.
    """
    outputs: list[dict[str, Any]] = []
    parts: list[bytes | memoryview] = []
    for name, array in response.outputs.items():
        wish = wishes.of(name)
        datatype = model.signature.outputs[name].datatype
        written = best_classes(model, name, array, wish.top) if wish.top else array
        datatype = Datatype.BYTES if wish.top else datatype
        entry: dict[str, Any] = {"name": name, "datatype": datatype, "shape": written.shape}
        if wish.binary:
            part = bytes_from_array(datatype, written)
            entry["parameters"] = {"binary_data_size": len(part)}
            parts.append(part)
        else:
            entry["data"] = json_data(datatype, written)
        outputs.append(entry)
    document: dict[str, Any] = {"model_name": model.name, "model_version": model.version, "outputs": outputs}
    if response.id is not None:
        document["id"] = response.id
    head = orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY)
    # With no output in binary form the answer is plain JSON.
    return (b"".join((head, *parts)), len(head)) if parts else (head, None)


def best_classes(model: ServedModel, name: str, array: Array, top: int) -> Array:
    """The classification extension: ``score:index[:label]`` of the ``top`` classes of each row, best first.

    Raises:
        BadInput: the output has no scores.
    """
    if model.signature.outputs[name].datatype is Datatype.BF16:
        array = bf16_floats(array)
    if array.dtype.kind not in "fiu" or array.ndim == 0:
        raise BadInput(f'output "{name}" has no scores; "classification" is possible only for a tensor of numbers')
    scores = array.reshape(-1, array.shape[-1]) if array.ndim > 1 else array.reshape(1, -1)
    best = np.argsort(-scores.astype(np.float64), axis=1, kind="stable")[:, :top]
    labels = model.classes if len(model.classes) == scores.shape[1] else ()
    found = np.empty(best.shape, object)
    for row, columns in enumerate(best):
        for rank, index in enumerate(columns):
            label = f":{labels[index]}" if labels else ""
            found[row, rank] = f"{float(scores[row, index]):f}:{index}{label}"
    return found.reshape((*array.shape[:-1], best.shape[1]))
