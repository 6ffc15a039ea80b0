"""The suite's models behind MLServer: `python mlserver_models.py DIR && mlserver start DIR`, in its environment.

The suite needs nothing of this file. It is here so that the columns of docs/conformance.md can be made again.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.errors import InferenceError
from mlserver.types import InferenceRequest, InferenceResponse, ResponseOutput

from slipway_conformance.models import ADDER, CLASSIFIER, SCALAR, identity, probabilities
from slipway_conformance.tensors import VALUES

Shapes = Mapping[str, tuple[str, Sequence[int]]]


class Identity(MLModel):  # type: ignore[misc]  # not installed where types are checked
    """The input as the output; checks what the server leaves to a model."""

    async def load(self) -> bool:
        """Be ready at once."""
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Answer a request."""
        inputs = {tensor.name: self._checked(tensor) for tensor in payload.inputs}
        if inputs.keys() != {one.name for one in self.inputs}:
            raise InferenceError(f"inputs are {list(inputs)}")
        try:
            outputs = {one.name: one for one in self.outputs_of(inputs)}
        except ValueError as error:
            raise InferenceError(str(error)) from error
        wanted = [one.name for one in payload.outputs or self.outputs]
        if unknown := [name for name in wanted if name not in outputs]:
            raise InferenceError(f"outputs {unknown} are unknown")
        return InferenceResponse(
            id=payload.id, model_name=self.name, model_version=self.version, outputs=[outputs[name] for name in wanted]
        )

    def outputs_of(self, inputs: Mapping[str, Any]) -> list[Any]:
        """The outputs, as MLServer writes them."""
        (tensor,) = inputs.values()
        return [ResponseOutput(name="output", shape=tensor.shape, datatype=tensor.datatype, data=tensor.data)]

    def _checked(self, tensor: Any) -> Any:
        spec = next((one for one in self.inputs if one.name == tensor.name), None)
        if spec is None:
            raise InferenceError(f"input {tensor.name} is unknown")
        fits = len(spec.shape) == len(tensor.shape) and all(
            given >= 0 and wanted in (-1, given) for given, wanted in zip(tensor.shape, spec.shape, strict=True)
        )
        if tensor.datatype != spec.datatype or not fits:
            raise InferenceError(f"input {tensor.name} is {spec.datatype}{spec.shape}")
        elements = int(np.prod(tensor.shape))
        flat = np.array(tensor.data.root if hasattr(tensor.data, "root") else tensor.data, object).ravel()
        if flat.size != elements:
            raise InferenceError(f"input {tensor.name} has {flat.size} elements, not {elements}")
        if tensor.datatype != "BYTES":
            try:
                NumpyCodec.decode_input(tensor)
            except (TypeError, ValueError) as error:
                raise InferenceError(f"input {tensor.name}: {error}") from error
        return tensor


class Adder(Identity):
    """Sum and difference."""

    def outputs_of(self, inputs: Mapping[str, Any]) -> list[Any]:
        """See ``Identity.outputs_of``."""
        left, right = (NumpyCodec.decode_input(inputs[name]) for name in ("left", "right"))
        return [_output("sum", left + right), _output("difference", left - right)]


class Classifier(Identity):
    """The suite's classifier."""

    def outputs_of(self, inputs: Mapping[str, Any]) -> list[Any]:
        """See ``Identity.outputs_of``."""
        rows = NumpyCodec.decode_input(inputs["input"])
        return [_output("probabilities", np.array(probabilities(rows), np.float32))]


def _output(name: str, array: Any) -> Any:
    return ResponseOutput(name=name, shape=list(array.shape), datatype="FP32", data=array.ravel().tolist())


def write(directory: Path) -> None:
    """Write the settings that MLServer starts from."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "settings.json").write_text(json.dumps({"parallel_workers": 0, "debug": False}))
    (directory / "conformance_models.py").write_text(Path(__file__).read_text(encoding="utf-8"))
    vector = ("FP32", [-1])
    for kind in VALUES:
        _write(directory, identity(kind), "Identity", {"input": (kind, [-1, 2])}, {"output": (kind, [-1, 2])})
    _write(directory, SCALAR, "Identity", {"input": ("FP32", [])}, {"output": ("FP32", [])})
    _write(directory, ADDER, "Adder", {"left": vector, "right": vector}, {"sum": vector, "difference": vector})
    _write(directory, CLASSIFIER, "Classifier", {"input": ("FP32", [-1, 4])}, {"probabilities": ("FP32", [-1, 3])})


def _write(directory: Path, name: str, kind: str, inputs: Shapes, outputs: Shapes) -> None:
    folder = directory / name
    folder.mkdir(exist_ok=True)
    settings = {
        "name": name,
        "implementation": f"conformance_models.{kind}",
        "platform": "python",
        "versions": ["1"],
        "parameters": {"version": "1"},
        "inputs": [{"name": key, "datatype": one, "shape": list(shape)} for key, (one, shape) in inputs.items()],
        "outputs": [{"name": key, "datatype": one, "shape": list(shape)} for key, (one, shape) in outputs.items()],
    }
    (folder / "model-settings.json").write_text(json.dumps(settings))


if __name__ == "__main__":
    write(Path(sys.argv[1]))
