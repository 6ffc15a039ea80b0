"""Last touches to a converter's ONNX graph: Slipway's names and shapes of outputs, and nothing that differs by run."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from slipway_runtime.artifact.onnxfile import MODEL_FILE
from slipway_runtime.run.errors import ConfigError

PROBABILITIES = "probabilities"
PREDICTION = "prediction"
OPSET = 18
"""The newest operator set that every converter writes."""

_BATCH = "batch"
_LOCALE = "C.UTF-8"
_NUMBERED = re.compile(r"__\d+$")
_LARGEST = 2**31 - 1
_MATRIX = 2


def keep_output(model: Any, output: str, name: str, shape: Sequence[int | str]) -> None:
    """Make one tensor the graph's only output: float32, of a new name and shape; what served others only goes.

    Args:
        model: A ModelProto; changed.
        output: The tensor as it is named now.
        name: Its new name.
        shape: Sizes; a text is a free one. Values are rearranged when the number of axes changes.
    """
    graph = model.graph
    found = next(value for value in graph.output if value.name == output)
    if output == name:
        _rename_inside(graph, {output: f"{output}_as_converted"})
        output = f"{output}_as_converted"
    rearranged = len(found.type.tensor_type.shape.dim) != len(shape)
    last = output
    if found.type.tensor_type.elem_type != TensorProto.FLOAT:
        graph.node.append(
            helper.make_node("Cast", [last], [f"{name}_float"], to=TensorProto.FLOAT, name=f"{name}_cast")
        )
        last = f"{name}_float"
    if rearranged:
        sizes = np.array([-1 if isinstance(size, str) else size for size in shape], np.int64)
        graph.initializer.append(numpy_helper.from_array(sizes, f"{name}_shape"))
        graph.node.append(helper.make_node("Reshape", [last, f"{name}_shape"], [name], name=f"{name}_reshape"))
    else:
        graph.node.append(helper.make_node("Identity", [last], [name], name=f"{name}_named"))
    del graph.output[:]
    graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape)))
    _prune(graph)


def name_probabilities(model: Any) -> int | None:
    """Name the one output ``probabilities`` when it is a softmax over the last of two axes; returns the classes."""
    graph = model.graph
    if len(graph.output) != 1:
        return None
    output = graph.output[0]
    sizes = output.type.tensor_type.shape.dim
    maker = _maker(graph, output.name)
    if maker is None or maker.op_type != "Softmax" or len(sizes) != _MATRIX or not sizes[1].dim_value:
        return None
    axis = next((attribute.i for attribute in maker.attribute if attribute.name == "axis"), -1)
    if axis not in {-1, 1}:
        return None
    classes = int(sizes[1].dim_value)
    keep_output(model, output.name, PROBABILITIES, [_BATCH, classes])
    return classes


def write_graph(model: Any, package: Path, shown: str) -> None:
    """Write ``model.onnx``: a free first axis is called batch, and notes and generated names are left out.

    Raises:
        ConfigError: It is too large for one file.
    """
    for value in (*model.graph.input, *model.graph.output):
        sizes = value.type.tensor_type.shape.dim
        if sizes and not sizes[0].HasField("dim_value"):
            sizes[0].dim_param = _BATCH
    _fix_locale(model.graph)
    _number_constants(model.graph)
    _strip(model)
    if model.ByteSize() > _LARGEST:
        raise ConfigError(f"{shown}: becomes larger than 2 GB; export it to .onnx with external data and name that")
    (package / MODEL_FILE).write_bytes(model.SerializeToString(deterministic=True))


def check_graph(model: Any) -> None:
    """Raise ``onnx.checker.ValidationError`` when the graph breaks a rule of ONNX."""
    onnx.checker.check_model(model)


def _maker(graph: Any, tensor: str) -> Any:
    """The node that computes a tensor, looking through nodes that change nothing."""
    while True:
        node = next((node for node in graph.node if tensor in node.output), None)
        if node is None or node.op_type != "Identity":
            return node
        tensor = node.input[0]


def _rename_inside(graph: Any, names: Mapping[str, str]) -> None:
    for node in graph.node:
        for group in (node.input, node.output):
            for position, name in enumerate(group):
                if name in names:
                    group[position] = names[name]
        for inner in _subgraphs(node):
            _rename_inside(inner, names)


def _number_constants(graph: Any) -> None:
    """Number constants that a converter numbered, by their first use: it may have taken them from a set."""
    numbered = {weight.name for weight in graph.initializer if _NUMBERED.search(weight.name)}
    numbered -= {value.name for value in (*graph.input, *graph.output)}
    used = dict.fromkeys(
        name for node in graph.node for name in (*node.input, *sorted(_uses(node))) if name in numbered
    )
    names = {old: f"constant_{position}" for position, old in enumerate(used)}
    _rename_inside(graph, names)
    for weight in graph.initializer:
        weight.name = names.get(weight.name, weight.name)
    weights = sorted(graph.initializer, key=lambda weight: str(weight.name))
    del graph.initializer[:]
    graph.initializer.extend(weights)


def _prune(graph: Any) -> None:
    """Remove nodes and weights that no output needs."""
    needed = {value.name for value in graph.output}
    kept = []
    for node in reversed(graph.node):
        if needed.isdisjoint(node.output):
            continue
        kept.append(node)
        needed |= _uses(node)
    weights = [weight for weight in graph.initializer if weight.name in needed]
    nodes = list(reversed(kept))
    del graph.node[:], graph.initializer[:], graph.value_info[:]
    graph.node.extend(nodes)
    graph.initializer.extend(weights)


def _uses(node: Any) -> set[str]:
    used = set(node.input)
    for inner in _subgraphs(node):
        used |= {value.name for value in inner.output}
        for one in inner.node:
            used |= _uses(one)
    return used


def _subgraphs(node: Any) -> Iterable[Any]:
    for attribute in node.attribute:
        if attribute.type == onnx.AttributeProto.GRAPH:
            yield attribute.g
        yield from attribute.graphs


def _fix_locale(graph: Any) -> None:
    """Name a locale that every image has: by default onnxruntime lowers letters by en_US, which slim images lack."""
    for node in graph.node:
        if node.op_type == "StringNormalizer":
            kept = [attribute for attribute in node.attribute if attribute.name != "locale"]
            del node.attribute[:]
            node.attribute.extend([*kept, helper.make_attribute("locale", _LOCALE)])
        for inner in _subgraphs(node):
            _fix_locale(inner)


def _strip(model: Any) -> None:
    """Remove what converters note about themselves, and order what they take from sets: equal models, equal bytes."""
    imports = sorted(model.opset_import, key=lambda one: str(one.domain))
    del model.opset_import[:]
    model.opset_import.extend(imports)
    model.doc_string = ""
    model.graph.doc_string = ""
    model.graph.name = "model"
    del model.metadata_props[:]
    del model.graph.metadata_props[:]
    graph = model.graph
    for group in (graph.node, graph.input, graph.output, graph.value_info, graph.initializer, model.functions):
        for part in group:
            part.doc_string = ""
            del part.metadata_props[:]
