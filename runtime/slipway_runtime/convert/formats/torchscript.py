"""TorchScript ``.pt``: its file tells no shapes, so one example must."""

from typing import Any

import numpy as np

from slipway_runtime.convert.conversion import Array, Converted, Feeds, Request, one_line
from slipway_runtime.convert.formats.torch_onnx import as_arrays, as_tensors, export_script, finish
from slipway_runtime.run.errors import ConfigError

_EXAMPLES = 2
"""Rows of the example that the graph is traced with: a size of one would look fixed."""


def convert(request: Request) -> Converted:
    """Load, and translate with an example of the given shape.

    torch reads TorchScript with a reader of its own, which runs no Python.

    Raises:
        ConfigError: It does not load, no shape is known, it refuses the shape, or ONNX cannot express it.
    """
    import torch

    try:
        module: Any = torch.jit.load(str(request.source), map_location="cpu").eval()  # type: ignore[no-untyped-call]
    except (RuntimeError, ValueError) as error:
        raise ConfigError(
            f"{request.shown}: does not load in torch {torch.__version__} ({one_line(error)}); save it again"
        ) from error
    names = [value.debugName().partition(".")[0] for value in module.graph.inputs()][1:]  # the first is the module
    example = _example(names, request)
    tensors = tuple(as_tensors(example, names))
    try:
        with torch.no_grad():
            module(*tensors)
    except Exception as error:
        # Operators raise RuntimeError, and TorchScript wraps Python's errors.
        shapes = ", ".join(str(list(array.shape[1:])) for array in example.values())
        raise ConfigError(
            f"{request.shown}: does not accept examples of shape {shapes} ({one_line(error)}); correct inputShape"
        ) from error
    model = export_script(module, tensors, names, request)

    def answer(feeds: Feeds) -> list[Array]:
        with torch.no_grad():
            return as_arrays(module(*as_tensors(feeds, names)))

    return finish(model, answer, request)


def _example(names: list[str], request: Request) -> dict[str, Array]:
    if request.spec.input_shape is not None:
        if len(names) != 1:
            raise ConfigError(
                f"{request.shown}: has the inputs {', '.join(names)}; give samples with an array for each"
            )
        return {names[0]: np.zeros((_EXAMPLES, *request.spec.input_shape), np.float32)}
    given: dict[str, Any] = dict(request.samples or {})
    if len(names) == 1:
        known = next((name for name in (names[0], "x", "") if name in given), None)
        given = {names[0]: given[known]} if known is not None else {}
    missing = [name for name in names if name not in given]
    if missing:
        raise ConfigError(
            f"{request.shown}: TorchScript does not tell the shape of {', '.join(missing)}; set inputShape to one "
            "example's shape, or give samples"
        )
    return {name: _floats(given[name][:_EXAMPLES]) for name in names}


def _floats(array: Array) -> Array:
    rows = np.repeat(array, _EXAMPLES, axis=0)[:_EXAMPLES]
    return rows.astype(np.float32) if rows.dtype == np.float64 else rows
