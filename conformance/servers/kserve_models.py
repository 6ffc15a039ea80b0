"""The suite's models behind KServe's own server: `python kserve_models.py --http_port 8080`, where kserve is installed.

The suite needs nothing of this file. It is here so that the columns of docs/conformance.md can be made again.
"""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from kserve import InferOutput, InferRequest, InferResponse, Model, ModelServer
from kserve.errors import InvalidInput

from slipway_conformance.models import ADDER, CLASSIFIER, SCALAR, identity, probabilities
from slipway_conformance.tensors import VALUES

Signature = Mapping[str, tuple[str, Sequence[int]]]


class Served(Model):  # type: ignore[misc]  # not installed where types are checked
    """A function of arrays behind the two protocols; checks what the server leaves to a model."""

    def __init__(self, name: str, inputs: Signature, outputs: Signature) -> None:
        """Be ready at once."""
        super().__init__(name)
        self._inputs = inputs
        self._outputs = outputs
        self.ready = True

    async def get_input_types(self) -> list[dict[str, Any]]:
        """Inputs, for the metadata."""
        return _told(self._inputs)

    async def get_output_types(self) -> list[dict[str, Any]]:
        """Outputs, for the metadata."""
        return _told(self._outputs)

    def compute(self, arrays: Mapping[str, Any]) -> Sequence[Any]:
        """Outputs in their order; the identity."""
        return list(arrays.values())

    def predict(self, payload: Any, headers: Any = None, response_headers: Any = None) -> Any:  # noqa: ARG002 - kserve's signature
        """Answer a request of either protocol."""
        if not isinstance(payload, InferRequest):
            if "instances" not in payload:
                raise InvalidInput('"instances" are missing')
            return {"predictions": self._rows(payload["instances"])}
        arrays = {one.name: self._array(one) for one in payload.inputs}
        if arrays.keys() != self._inputs.keys():
            raise InvalidInput(f"inputs are {list(arrays)}, not {list(self._inputs)}")
        outputs = [
            _output(name, datatype, array)
            for (name, (datatype, _)), array in zip(self._outputs.items(), self._tried(arrays), strict=True)
        ]
        return InferResponse(
            payload.id or str(uuid.uuid4()),
            self.name,
            outputs,
            use_binary_outputs=payload.use_binary_outputs,
            requested_outputs=payload.request_outputs,
        )

    def _array(self, tensor: Any) -> Any:
        spec = self._inputs.get(tensor.name)
        if spec is None:
            raise InvalidInput(f"input {tensor.name} is unknown")
        datatype, shape = spec
        fits = len(shape) == len(tensor.shape) and all(
            given >= 0 and wanted in (-1, given) for given, wanted in zip(tensor.shape, shape, strict=True)
        )
        if tensor.datatype != datatype or not fits:
            raise InvalidInput(f"input {tensor.name} is {datatype}{list(shape)}")
        try:
            return tensor.as_numpy()
        except ValueError as error:
            raise InvalidInput(f"input {tensor.name}: {error}") from error

    def _tried(self, arrays: Mapping[str, Any]) -> Sequence[Any]:
        try:
            return self.compute(arrays)
        except ValueError as error:
            raise InvalidInput(str(error)) from error

    def _rows(self, rows: list[Any]) -> list[Any]:
        if len(self._inputs) == 1:
            arrays = {next(iter(self._inputs)): np.array(rows, np.float32)}
        else:
            arrays = {name: np.array([row[name] for row in rows], np.float32) for name in self._inputs}
        answers = [array.tolist() for array in self._tried(arrays)]
        if len(answers) == 1:
            return list(answers[0])
        return [dict(zip(self._outputs, row, strict=True)) for row in zip(*answers, strict=True)]


class Adder(Served):
    """Sum and difference."""

    def compute(self, arrays: Mapping[str, Any]) -> Sequence[Any]:
        """See ``Served.compute``."""
        return [arrays["left"] + arrays["right"], arrays["left"] - arrays["right"]]


class Classifier(Served):
    """The suite's classifier."""

    def compute(self, arrays: Mapping[str, Any]) -> Sequence[Any]:
        """See ``Served.compute``."""
        return [np.array(probabilities(arrays["input"]), np.float32)]


def _output(name: str, datatype: str, array: Any) -> Any:
    made = InferOutput(name, list(array.shape), datatype)
    # The server makes bytes of it when those are asked for; of an array it cannot over gRPC.
    made.set_data_from_numpy(array, binary_data=False)
    return made


def _told(signature: Signature) -> list[dict[str, Any]]:
    return [{"name": name, "datatype": kind, "shape": list(shape)} for name, (kind, shape) in signature.items()]


def models() -> list[Served]:
    """Every model of the suite."""
    served = [Served(identity(kind), {"input": (kind, [-1, 2])}, {"output": (kind, [-1, 2])}) for kind in VALUES]
    served.append(Served(SCALAR, {"input": ("FP32", [])}, {"output": ("FP32", [])}))
    vector = ("FP32", [-1])
    served.append(Adder(ADDER, {"left": vector, "right": vector}, {"sum": vector, "difference": vector}))
    served.append(Classifier(CLASSIFIER, {"input": ("FP32", [-1, 4])}, {"probabilities": ("FP32", [-1, 3])}))
    return served


if __name__ == "__main__":
    ModelServer().start(models())
