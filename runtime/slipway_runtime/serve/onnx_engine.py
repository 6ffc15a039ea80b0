"""onnxruntime as an engine."""

import ctypes
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors

from slipway_runtime.serve.engine import Signature
from slipway_runtime.serve.errors import BadInput, Fault, ModelLoadError, RequestError
from slipway_runtime.serve.tensors import DYNAMIC, Array, Datatype, TensorSpec

_DATATYPES = {
    "tensor(bool)": Datatype.BOOL,
    "tensor(uint8)": Datatype.UINT8,
    "tensor(uint16)": Datatype.UINT16,
    "tensor(uint32)": Datatype.UINT32,
    "tensor(uint64)": Datatype.UINT64,
    "tensor(int8)": Datatype.INT8,
    "tensor(int16)": Datatype.INT16,
    "tensor(int32)": Datatype.INT32,
    "tensor(int64)": Datatype.INT64,
    "tensor(float16)": Datatype.FP16,
    "tensor(float)": Datatype.FP32,
    "tensor(double)": Datatype.FP64,
    "tensor(bfloat16)": Datatype.BF16,
    "tensor(string)": Datatype.BYTES,
}
_ORT_ERRORS = (
    ort_errors.Fail,
    ort_errors.InvalidArgument,
    ort_errors.InvalidGraph,
    ort_errors.InvalidProtobuf,
    ort_errors.NoSuchFile,
    ort_errors.NotImplemented,
    ort_errors.RuntimeException,
    RuntimeError,
    ValueError,
)
_FATAL_ONLY = 4
_ONNX_BF16 = 16
"""The number of BFLOAT16 among ONNX's element types."""


class OnnxEngine:
    """One onnxruntime session on the CPU."""

    platform = "onnx_onnxv1"

    def __init__(self, session: ort.InferenceSession) -> None:
        """Take a session over and read its signature."""
        self._session = session
        self._outputs = [output.name for output in session.get_outputs()]
        self.signature = Signature(
            inputs={node.name: _spec("input", node) for node in session.get_inputs()},
            outputs={node.name: _spec("output", node) for node in session.get_outputs()},
        )
        specs = (*self.signature.inputs.values(), *self.signature.outputs.values())
        self._bf16 = any(spec.datatype is Datatype.BF16 for spec in specs)

    def infer(self, inputs: dict[str, Array], outputs: tuple[str, ...]) -> list[Array]:
        """See ``Engine.infer``; the interpreter's lock is free while onnxruntime computes."""
        try:
            if self._bf16:
                return self._infer_bf16(inputs, outputs or tuple(self._outputs))
            answers: list[Array] = self._session.run(outputs or self._outputs, inputs)
        except _ORT_ERRORS as error:
            text = _one_line(error)
            if "allocate" in text:
                raise RequestError(
                    Fault.UNAVAILABLE, f"not enough memory for this request; send fewer rows: {text}"
                ) from error
            raise BadInput(f"the model refused these values: {text}") from error
        return answers

    def _infer_bf16(self, inputs: dict[str, Array], outputs: tuple[str, ...]) -> list[Array]:
        """Run with values of onnxruntime's own, because numpy has no BF16 and so the usual call refuses it."""
        specs = self.signature.inputs
        values = {
            name: ort.OrtValue.ortvalue_from_numpy_with_onnx_type(np.ascontiguousarray(array), _ONNX_BF16)
            if specs[name].datatype is Datatype.BF16
            else ort.OrtValue.ortvalue_from_numpy(array)
            for name, array in inputs.items()
        }
        answers = self._session.run_with_ort_values(outputs, values)
        return [
            _bits(answer) if self.signature.outputs[name].datatype is Datatype.BF16 else answer.numpy()
            for name, answer in zip(outputs, answers, strict=True)
        ]


def load_onnx(path: Path, *, threads: int) -> OnnxEngine:
    """Load an ``.onnx`` file; see ``EngineLoader``."""
    if not path.is_file():
        raise ModelLoadError(f"{path}: no such file; name an .onnx file or a package with model.onnx")
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Threads that spin while idle eat the quota of the very requests they wait for.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = _FATAL_ONLY
    try:
        session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except _ORT_ERRORS as error:
        raise ModelLoadError(f"{path}: {_explain(error)}") from error
    return OnnxEngine(session)


def _bits(value: Any) -> Array:
    """Copy the bits of a BF16 value, which onnxruntime does not turn into an array itself."""
    shape = tuple(value.shape())
    size = prod(shape) * 2
    content = ctypes.string_at(value.data_ptr(), size) if size else b""
    return np.frombuffer(content, np.uint16).reshape(shape)


def _explain(error: Exception) -> str:
    text = _one_line(error)
    lowered = text.lower()
    if isinstance(error, ort_errors.InvalidProtobuf) or "protobuf parsing failed" in lowered:
        return f"no readable ONNX file: corrupt, truncated or of another format; export or upload it again ({text})"
    if "opset" in lowered or "ir version" in lowered:
        return f"made for a newer ONNX than onnxruntime {ort.__version__} reads; export with opset 20 or lower ({text})"
    if "external" in lowered or "model_path" in lowered:
        return f"its external weights are missing or damaged; keep them beside the .onnx file ({text})"
    if isinstance(error, ort_errors.NotImplemented) or "is not a registered function/op" in lowered:
        return f"it uses an operator that onnxruntime {ort.__version__} does not have on the CPU ({text})"
    return f"onnxruntime {ort.__version__} cannot load it ({text})"


def _spec(side: str, node: Any) -> TensorSpec:
    datatype = _DATATYPES.get(node.type)
    if datatype is None:
        hint = "; export a scikit-learn classifier with zipmap=False" if "map" in node.type else ""
        raise ModelLoadError(
            f'{side} "{node.name}" has type {node.type}, which cannot be served; '
            f"tensors of {', '.join(Datatype)} can{hint}"
        )
    return TensorSpec.of(
        node.name, datatype, tuple(dim if isinstance(dim, int) and dim >= 0 else DYNAMIC for dim in node.shape)
    )


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:500]
