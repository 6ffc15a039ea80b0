"""What Keras and SavedModel share: a TensorFlow function, to ONNX and as the source of answers."""

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from slipway_runtime.artifact.manifest import Task
from slipway_runtime.convert.conversion import Array, Converted, Feeds, Request, one_line
from slipway_runtime.convert.graph import OPSET, name_probabilities, write_graph
from slipway_runtime.run.errors import ConfigError


@dataclass(frozen=True)
class Tensor:
    """One input: its name, TensorFlow's type of it, and its sizes with None where any goes."""

    name: str
    dtype: Any
    shape: tuple[int | None, ...]


def import_tensorflow() -> Any:
    """TensorFlow on the CPU, without its chatter; Keras on top of it.

    The environment is what it reads its settings from, and only before its first import.
    """
    os.environ.update({"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "", "KERAS_BACKEND": "tensorflow"})
    import tensorflow as tf

    for name in ("tensorflow", "tf2onnx", "absl"):
        logging.getLogger(name).setLevel(logging.ERROR)
    return tf


def convert_function(call: Callable[..., Mapping[str, Any]], inputs: Sequence[Tensor], request: Request) -> Converted:
    """Trace ``call`` (tensors by input name → tensors by output name) and write its graph.

    Raises:
        ConfigError: It uses operations that ONNX does not have.
    """
    tf = import_tensorflow()
    import tf2onnx

    specs = [tf.TensorSpec(tensor.shape, tensor.dtype, name=tensor.name) for tensor in inputs]

    @tf.function(input_signature=specs, autograph=False)  # type: ignore[untyped-decorator] # TensorFlow has no types here
    def function(*tensors: Any) -> Mapping[str, Any]:
        return call(**{tensor.name: value for tensor, value in zip(inputs, tensors, strict=True)})

    try:
        model, _ = tf2onnx.convert.from_function(function, input_signature=specs, opset=OPSET)
    except Exception as error:
        # Tracing runs the model's own layers: it raises anything.
        raise ConfigError(
            f"{request.shown}: cannot be expressed in ONNX ({one_line(error)}); "
            "replace layers that only TensorFlow can run, or keep them out of what you save"
        ) from error
    names = [output.name for output in model.graph.output]
    order = _order(function, names)
    classes = name_probabilities(model)
    write_graph(model, request.package, request.shown)

    def answer(feeds: Feeds) -> list[Array]:
        answers = function(*(tf.constant(_plain(feeds[tensor.name]), tensor.dtype) for tensor in inputs))
        return [np.asarray(answers[name].numpy()) for name in order]

    return Converted(Task.CLASSIFICATION if classes else Task.OTHER, answer)


def _order(function: Any, names: list[str]) -> list[str]:
    """The function's outputs in the order of the graph's, which calls them by the same names."""
    outputs = list(function.get_concrete_function().structured_outputs)
    return names if set(names) <= set(outputs) else sorted(outputs)


def _plain(array: Array) -> Any:
    return array.tolist() if array.dtype == object else array
