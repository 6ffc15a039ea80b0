"""Raw ``.onnx`` files: what they take and give, and packages made of them."""

import shutil
from pathlib import Path

from slipway_runtime.artifact.manifest import Manifest, Signature, Task, TensorSpec
from slipway_runtime.artifact.package import write_package
from slipway_runtime.run.errors import ConfigError

MODEL_FILE = "model.onnx"

_DTYPES = {
    "tensor(float)": "float32",
    "tensor(double)": "float64",
    "tensor(float16)": "float16",
    "tensor(int8)": "int8",
    "tensor(int16)": "int16",
    "tensor(int32)": "int32",
    "tensor(int64)": "int64",
    "tensor(uint8)": "uint8",
    "tensor(uint16)": "uint16",
    "tensor(uint32)": "uint32",
    "tensor(uint64)": "uint64",
    "tensor(bool)": "bool",
    "tensor(string)": "string",
}


def read_signature(path: Path, shown: str) -> Signature:
    """Load a model with onnxruntime on the CPU and read its inputs and outputs.

    Args:
        path: The file.
        shown: What to call it in messages.

    Raises:
        ConfigError: It does not load, or takes or gives something that is no tensor.
    """
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.log_severity_level = 4
    try:
        session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        # onnxruntime's errors share no base class below Exception.
        reason = " ".join(str(error).split())[:400]
        raise ConfigError(f"{shown}: does not load as an ONNX model ({reason}); export it again, opset 20") from error
    return Signature(
        inputs=tuple(_tensor(value, shown) for value in session.get_inputs()),
        outputs=tuple(_tensor(value, shown) for value in session.get_outputs()),
    )


def task_of(signature: Signature) -> Task:
    """The task by Slipway's output names: ``probabilities`` [-1, classes] or ``prediction`` [-1]."""
    first = signature.outputs[0]
    if first.name == "probabilities" and len(first.shape) == 2:  # noqa: PLR2004 - [n, classes]
        return Task.CLASSIFICATION
    if first.name == "prediction":
        return Task.REGRESSION
    return Task.OTHER


def package_onnx(file: Path, into: Path, *, name: str, shown: str) -> Manifest:
    """Make a package of one ``.onnx`` file. Equal files of one name give equal digests.

    Raises:
        ConfigError: The file does not load.
    """
    signature = read_signature(file, shown)
    into.mkdir(parents=True, exist_ok=True)
    if file.resolve() != (into / MODEL_FILE).resolve():
        shutil.copyfile(file, into / MODEL_FILE)
    return write_package(into, name=name, task=task_of(signature), signature=signature)


def _tensor(value: object, shown: str) -> TensorSpec:
    name, kind, shape = (getattr(value, key) for key in ("name", "type", "shape"))
    if kind not in _DTYPES:
        raise ConfigError(
            f"{shown}: {name} is {kind}, not a tensor; export without it (scikit-learn's converter: zipmap=False)"
        )
    sizes = tuple(size if isinstance(size, int) and size >= 0 else -1 for size in shape or ())
    return TensorSpec(name=name, dtype=_DTYPES[kind], shape=sizes)
