"""Which converter takes which format, and which libraries decide its result."""

import importlib
from importlib.metadata import PackageNotFoundError, version

from slipway_runtime.convert.conversion import Converter
from slipway_runtime.spec.convert import ModelFormat

REVISION = "1"
"""Rises when the converters' own code gives another result for the same file."""

_FORMATS = "slipway_runtime.convert.formats"
_SKLEARN = ("scikit-learn", "skl2onnx")
_TORCH = ("torch", "onnxscript")
_TENSORFLOW = ("tensorflow-cpu", "keras", "tf2onnx")
_CONVERTERS: dict[ModelFormat, tuple[str, str, tuple[str, ...]]] = {
    ModelFormat.ONNX: ("onnx_graph", "convert", ()),
    ModelFormat.SKLEARN: ("sklearn_pickle", "convert", (*_SKLEARN, "onnxmltools", "xgboost-cpu", "lightgbm")),
    ModelFormat.XGBOOST: ("boosters", "convert_xgboost", (*_SKLEARN, "onnxmltools", "xgboost-cpu")),
    ModelFormat.LIGHTGBM: ("boosters", "convert_lightgbm", ("onnxmltools", "lightgbm")),
    ModelFormat.KERAS: ("keras_file", "convert", _TENSORFLOW),
    ModelFormat.TENSORFLOW: ("saved_model", "convert", _TENSORFLOW),
    ModelFormat.TORCH_EXPORT: ("torch_program", "convert", _TORCH),
    ModelFormat.TORCHSCRIPT: ("torchscript", "convert", ("torch",)),
    ModelFormat.SAFETENSORS: ("recipe_weights", "convert", _TORCH),
}


def converter_of(format: ModelFormat) -> Converter:  # noqa: A002 - the spec's word
    """The converter of a format; its framework is imported when it is called.

    Raises:
        KeyError: The format is ``auto``, which is nothing before it is recognised.
    """
    module, name, _ = _CONVERTERS[format]
    converter: Converter = getattr(importlib.import_module(f"{_FORMATS}.{module}"), name)
    return converter


def versions_of(format: ModelFormat) -> dict[str, str]:  # noqa: A002 - the spec's word
    """Versions of all that decides the result, read without importing any of it."""
    found = {"slipway-convert": REVISION}
    for name in ("onnx", *_CONVERTERS[format][2]):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue  # the converter itself says what it misses
    return found
