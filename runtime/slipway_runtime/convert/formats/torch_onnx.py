"""What torch's formats share: arrays to tensors and back, and the exporter."""

import contextlib
import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from slipway_runtime.artifact.manifest import Task
from slipway_runtime.convert.conversion import Array, Converted, Feeds, Request, one_line
from slipway_runtime.convert.graph import OPSET, name_probabilities, write_graph
from slipway_runtime.run.errors import ConfigError


def as_tensors(feeds: Feeds, names: Sequence[str]) -> list[Any]:
    """Tensors in the order of the inputs."""
    import torch

    return [torch.from_numpy(np.ascontiguousarray(feeds[name])) for name in names]


def as_arrays(answer: Any) -> list[Array]:
    """A module's answer, however it is nested, as arrays in order.

    Raises:
        ConfigError: It holds something that is no tensor.
    """
    import torch
    from torch.utils import _pytree as pytree

    leaves = pytree.tree_leaves(answer)
    if not all(isinstance(leaf, torch.Tensor) for leaf in leaves):
        raise ConfigError("the model answers with something besides tensors; return tensors alone")
    return [leaf.detach().numpy() for leaf in leaves]


def export_program(program: Any, request: Request) -> Any:
    """The ModelProto of an exported program; its dynamic shapes become the graph's.

    Raises:
        ConfigError: ONNX cannot express it.
    """
    import torch

    with _explaining(request):
        exported = torch.onnx.export(program, dynamo=True, opset_version=OPSET, verbose=False)
    if exported is None:
        raise TypeError("torch.onnx.export returned nothing though dynamo=True promises a program")
    return exported.model_proto


def export_script(module: Any, example: tuple[Any, ...], names: Sequence[str], request: Request) -> Any:
    """The ModelProto of TorchScript, traced with an example; the first axis of all inputs and outputs is free.

    Raises:
        ConfigError: ONNX cannot express it.
    """
    import onnx
    import torch

    with torch.no_grad():
        count = len(as_arrays(module(*example)))
    outputs = ["output"] if count == 1 else [f"output_{position}" for position in range(count)]
    path = request.scratch / "script.onnx"
    with _explaining(request):
        torch.onnx.export(
            module,
            example,
            path,
            dynamo=False,  # the other exporter takes no TorchScript
            opset_version=OPSET,
            input_names=list(names),
            output_names=outputs,
            dynamic_axes={name: {0: "batch"} for name in (*names, *outputs)},
        )
    return onnx.load(path)


def finish(model: Any, answer: Callable[[Feeds], list[Array]], request: Request) -> Converted:
    """Write the graph, and tell a classifier by its softmax.

    Raises:
        ConfigError: It is too large for one file.
    """
    classes = name_probabilities(model)
    write_graph(model, request.package, request.shown)
    return Converted(Task.CLASSIFICATION if classes else Task.OTHER, answer)


@contextlib.contextmanager
def _explaining(request: Request) -> Iterator[None]:
    """Keeps the exporter from telling what it did, and says in our words what it could not."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they speak of the exporter's insides
            yield
    except Exception as error:
        # Both exporters raise anything.
        raise ConfigError(
            f"{request.shown}: cannot be expressed in ONNX ({one_line(error)}); replace what ONNX does not have"
        ) from error
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
