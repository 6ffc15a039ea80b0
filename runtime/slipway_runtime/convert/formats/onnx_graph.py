"""``.onnx``: the graph stays as it is; weights beside it come along."""

import shutil
from pathlib import Path, PurePosixPath
from typing import Any

from slipway_runtime.artifact.onnxfile import MODEL_FILE, read_signature, task_of
from slipway_runtime.convert.conversion import Converted, Request, one_line
from slipway_runtime.run.errors import ConfigError


def convert(request: Request) -> Converted:
    """Copy the graph, and the files of its external data under their own names.

    Raises:
        ConfigError: It does not load, or a weight's file is missing or outside of the folder.
    """
    graph = _graph_file(request)
    for name in sorted(_external_files(graph, request)):
        target = request.package / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(graph.parent / name, target)
    shutil.copyfile(graph, request.package / MODEL_FILE)
    signature = read_signature(request.package / MODEL_FILE, request.shown)
    return Converted(task_of(signature), answer=None, classes=request.spec.classes)


def _graph_file(request: Request) -> Path:
    if request.source.is_file():
        return request.source
    return next(path for path in sorted(request.source.iterdir()) if path.suffix.lower() == ".onnx")


def _external_files(graph: Path, request: Request) -> set[str]:
    import onnx

    try:
        model = onnx.load(graph, load_external_data=False)
    except Exception as error:
        # protobuf's errors share no base class below Exception.
        raise ConfigError(f"{request.shown}: does not read as ONNX ({one_line(error)}); export it again") from error
    names = {
        entry.value
        for weight in _tensors(model.graph)
        if weight.data_location == onnx.TensorProto.EXTERNAL
        for entry in weight.external_data
        if entry.key == "location"
    }
    if names and request.source.is_file():
        raise ConfigError(
            f"{request.shown}: its weights are in {', '.join(sorted(names)[:3])} beside it; name the folder of both"
        )
    for name in names:
        pure = PurePosixPath(name)
        if pure.is_absolute() or ".." in pure.parts or pure.name == MODEL_FILE:
            raise ConfigError(f"{request.shown}: weights in {name!r}; save them beside the graph, under another name")
        if not (graph.parent / name).is_file():
            raise ConfigError(f"{request.shown}: {name}, which holds weights, is not in the folder; copy it there")
    return names


def _tensors(graph: Any) -> list[Any]:
    found = list(graph.initializer)
    for node in graph.node:
        for attribute in node.attribute:
            found += [attribute.t] if attribute.HasField("t") else []
            found += attribute.tensors
            for inner in ([attribute.g] if attribute.HasField("g") else []) + list(attribute.graphs):
                found += _tensors(inner)
    return found
