"""From a trained network to the files that are published, and the proof that they answer alike."""

import contextlib
import logging
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file

from slipway_runtime.artifact import Signature, TensorSpec
from slipway_runtime.run.errors import GateRefused
from slipway_runtime.train.networks import Blueprint, Network, Served

OPSET = 20
INPUT = "input"
OUTPUTS = {"classification": "probabilities", "regression": "prediction"}
TOLERANCE = 1e-4
"""Largest permitted difference between ONNX and torch: of a probability, or relative to the predictions' spread."""


def write_model(network: Network, directory: Path) -> None:
    """Write ``model.onnx``, ``model.safetensors`` and ``model.json``: equal weights give equal bytes."""
    network = network.cpu().eval()
    save_file(
        {name: tensor.contiguous() for name, tensor in network.state_dict().items()}, directory / "model.safetensors"
    )
    (directory / "model.json").write_text(network.blueprint.model_dump_json(by_alias=True) + "\n", encoding="utf-8")
    (directory / "model.onnx").write_bytes(onnx_bytes(network))


def onnx_bytes(network: Network) -> bytes:
    """The network in ONNX, opset 20, with a free batch size, and without the exporter's notes about its source."""
    blueprint = network.blueprint
    # Two examples: the exporter treats a size of one as fixed.
    example = torch.zeros(2, *blueprint.input_shape)
    with warnings.catch_warnings(), _quiet_exporter():
        warnings.simplefilter("ignore")  # they speak of the exporter's insides, not of this model
        program = torch.onnx.export(
            Served(network).eval(),
            (example,),
            dynamo=True,
            opset_version=OPSET,
            input_names=[INPUT],
            output_names=[OUTPUTS[blueprint.task]],
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            external_data=False,
            verbose=False,
        )
    if program is None:
        raise TypeError("torch.onnx.export returned nothing though dynamo=True promises a program")
    model = program.model_proto
    _strip(model)
    content: bytes = model.SerializeToString(deterministic=True)
    return content


def signature(blueprint: Blueprint) -> Signature:
    """What the exported graph takes and gives."""
    shape = (-1, blueprint.outputs) if blueprint.task == "classification" else (-1,)
    return Signature(
        inputs=(TensorSpec(name=INPUT, dtype="float32", shape=(-1, *blueprint.input_shape)),),
        outputs=(TensorSpec(name=OUTPUTS[blueprint.task], dtype="float32", shape=shape),),
    )


def answer_onnx(model: Path, x: NDArray[np.float32], batch_size: int) -> NDArray[np.float32]:
    """The exported graph's answers, on one thread so that they do not depend on the machine's size."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    parts = [session.run(None, {INPUT: x[at : at + batch_size]})[0] for at in range(0, len(x), batch_size)]
    return np.concatenate(parts)


def check_alike(exported: NDArray[np.float32], trained: NDArray[np.float32], *, relative: bool) -> float:
    """Raise GateRefused when the graph answers otherwise than the network; returns the largest difference.

    ``relative`` measures differences in standard deviations of the network's answers instead of as they are.
    """
    scale = max(float(np.std(trained)), float(np.finfo(np.float32).tiny)) if relative else 1.0
    difference = float(np.max(np.abs(exported - trained))) / scale
    if not difference <= TOLERANCE:
        raise GateRefused(
            f"the exported graph differs from the trained network by {difference:.2g} on held-out examples, "
            f"{TOLERANCE:g} is permitted; nothing was published: report this with the recipe"
        )
    return difference


def _strip(model: Any) -> None:
    """Remove stack traces, paths and names of torch's classes from a ModelProto."""
    model.doc_string = ""
    model.graph.doc_string = ""
    del model.metadata_props[:]
    del model.graph.metadata_props[:]
    for part in _parts(model):
        part.doc_string = ""
        del part.metadata_props[:]


def _parts(model: Any) -> Iterable[Any]:
    graph = model.graph
    for group in (graph.node, graph.input, graph.output, graph.value_info, graph.initializer, model.functions):
        yield from group


@contextlib.contextmanager
def _quiet_exporter() -> Iterator[None]:
    """Keeps the exporter's passes from telling what they did."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
