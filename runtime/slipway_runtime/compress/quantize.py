"""Eight-bit quantization by onnxruntime."""

import logging
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import onnx
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_dynamic, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from slipway_runtime.compress.graph import quantized_operators, strip, upstream_of_weights
from slipway_runtime.run.errors import ConfigError
from slipway_runtime.spec.compress import QuantizationScheme, Quantize

if TYPE_CHECKING:
    from collections.abc import Iterator

_log = logging.getLogger(__name__)

STATIC_OPERATORS = (
    "Conv",
    "MatMul",
    "Gemm",
    "Relu",
    "Clip",
    "MaxPool",
    "AveragePool",
    "GlobalAveragePool",
    "Add",
    "Concat",
    "Reshape",
    "Flatten",
    "Transpose",
    "Squeeze",
    "Unsqueeze",
)
"""Operators that onnxruntime runs in 8 bits, or passes 8-bit values through.

Softmax, Sigmoid and other functions of few values stay in float: they cost little and lose much.
"""
DYNAMIC_OPERATORS = ("MatMul", "Gemm", "Attention", "LSTM")
"""Convolutions are left out: onnxruntime's dynamic ones are slower than float."""

_CALIBRATION_BATCH = 32


class Batches(CalibrationDataReader):  # type: ignore[misc] # onnxruntime ships no types
    """Calibration examples, a batch at a time, from the first to the last."""

    def __init__(self, x: npt.NDArray[np.float32], input_name: str) -> None:
        self._input = input_name
        self._parts: Iterator[npt.NDArray[np.float32]] = iter(
            [x[start : start + _CALIBRATION_BATCH] for start in range(0, len(x), _CALIBRATION_BATCH)]
        )

    def get_next(self) -> dict[str, npt.NDArray[np.float32]] | None:
        """The next batch as a feed, or None at the end."""
        part = next(self._parts, None)
        return None if part is None else {self._input: part}


def quantize(source: Path, target: Path, step: Quantize, calibration: npt.NDArray[np.float32]) -> None:
    """Write a quantized copy of a model.

    int8-static: QDQ; weights int8 a channel, activations uint8 with the ranges that calibration saw (minimum and
    maximum). int8-dynamic: weights int8 a channel, activations as they come.

    Weights use 7 of their 8 bits: x86 without VNNI adds pairs of 8-bit products in 16 bits, which overflow with full
    weights (onnxruntime's quantization guide, "reduce_range"). So one file answers alike on every CPU, at equal size.

    Args:
        source: ``.onnx`` file with one input.
        target: Where the result goes.
        step: The pass.
        calibration: Examples [m, …]; used by int8-static only.

    Raises:
        ConfigError: The model is quantized already, or has nothing the scheme can quantize.
    """
    if quantized_operators(onnx.load(source)):
        raise ConfigError(f"passes: the model is in 8 bits before {step.scheme.value}; keep one quantize pass")
    with tempfile.TemporaryDirectory(prefix="slipway-quantize-") as scratch:
        prepared = _prepare(source, Path(scratch))
        model = onnx.load(prepared)
        if step.scheme is QuantizationScheme.INT8_STATIC:
            _static(model, target, calibration)
        else:
            _dynamic(model, target)
    result = onnx.load(target)
    if not quantized_operators(result):
        wanted = STATIC_OPERATORS[:3] if step.scheme is QuantizationScheme.INT8_STATIC else DYNAMIC_OPERATORS
        other = "int8-static" if step.scheme is QuantizationScheme.INT8_DYNAMIC else "int8-dynamic"
        raise ConfigError(
            f"passes: {step.scheme.value} found nothing to quantize (it handles {', '.join(wanted)} with constant "
            f"weights); try {other} or leave the pass out"
        )
    strip(result)
    onnx.save(result, target)


def _prepare(source: Path, scratch: Path) -> Path:
    """Fold and name what the quantizer should see. Where shape inference fails the model is quantized as it is."""
    prepared = scratch / "prepared.onnx"
    try:
        quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
    except Exception as error:  # noqa: BLE001 - any failure here only costs some fusions
        _log.warning("preparing the graph failed; quantizing it as it is", extra={"reason": str(error)[:300]})
        return source
    return prepared


def _static(model: onnx.ModelProto, target: Path, calibration: npt.NDArray[np.float32]) -> None:
    if len(calibration) == 0:
        raise ConfigError("passes: int8-static needs calibration examples; set quantize.calibration.dataset")
    extra: dict[str, Any] = {"ActivationSymmetric": False, "WeightSymmetric": True}
    quantize_static(
        model,
        str(target),
        Batches(calibration, model.graph.input[0].name),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        reduce_range=True,
        weight_type=QuantType.QInt8,
        activation_type=QuantType.QUInt8,
        op_types_to_quantize=list(STATIC_OPERATORS),
        nodes_to_exclude=upstream_of_weights(model),
        extra_options=extra,
    )


def _dynamic(model: onnx.ModelProto, target: Path) -> None:
    quantize_dynamic(
        model,
        str(target),
        per_channel=True,
        reduce_range=True,
        weight_type=QuantType.QInt8,
        op_types_to_quantize=list(DYNAMIC_OPERATORS),
    )
