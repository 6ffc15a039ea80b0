"""The binary extension: tensors behind the JSON, in requests and in answers."""

from functools import partial

from slipway_conformance.case import Group, Level, Source
from slipway_conformance.models import ADDER, CLASSIFIER, SCALAR, identity
from slipway_conformance.server import Answer, Refuted, Server, infer_path, same
from slipway_conformance.tensors import HEADER, VALUES, Inference, behind, plain, read, tensor, to_bytes, with_tensors

BINARY = Group("binary", Source.EXTENSION, Level.EXTENSION, "binary_tensor_data")
_FP32 = identity("FP32")
_ALL_BINARY = {"binary_data_output": True}


def send(server: Server, model: str, document: object, *parts: bytes) -> Answer:
    """POST an inference whose tensors follow its JSON."""
    body, headers = with_tensors(document, *parts)
    return server.ask("POST", infer_path(model), body, headers)


def _survives(datatype: str, server: Server) -> None:
    values = list(VALUES[datatype])
    part = to_bytes(datatype, values)
    document = {"inputs": [behind(len(part), shape=[1, 2], datatype=datatype)], "parameters": _ALL_BINARY}
    answer = read(send(server, identity(datatype), document, part))
    _is(answer, datatype, values, binary=True)


def _is(answer: Inference, datatype: str, values: list[object], *, binary: bool) -> None:
    output = answer.outputs["output"]
    same((output.datatype, output.shape), (datatype, (1, 2)), "datatype and shape")
    same(output.binary, binary, "whether the output is binary")
    same(output.values, plain(datatype, values), "the data")


for _datatype in VALUES:
    BINARY.add(
        _datatype.lower(),
        f"{_datatype} comes back as it was sent, bytes in and out",
        partial(_survives, _datatype),
        identity(_datatype),
    )


@BINARY.case("in", "a tensor may follow the JSON, and the answer be JSON", _FP32)
def bytes_in(server: Server) -> None:
    """Without a word about outputs, JSON is what is answered."""
    part = to_bytes("FP32", [1, 2])
    _is(read(send(server, _FP32, {"inputs": [behind(8, shape=[1, 2])]}, part)), "FP32", [1.0, 2.0], binary=False)


@BINARY.case("out", "a request in JSON alone may ask for an output as bytes", _FP32)
def bytes_out(server: Server) -> None:
    """The parameter of one output."""
    asked = [{"name": "output", "parameters": {"binary_data": True}}]
    answer = server.infer(_FP32, tensor([1, 2], shape=[1, 2]), outputs=asked)
    _is(read(answer), "FP32", [1.0, 2.0], binary=True)
    if HEADER not in answer.headers:
        raise Refuted(f"the answer has no header {HEADER}")


@BINARY.case(
    "out-all", "binary_data_output asks for all outputs as bytes, an output's own parameter goes before it", ADDER
)
def bytes_out_but_one(server: Server) -> None:
    """One output stays JSON."""
    sides = [tensor([1, 2], shape=[2], name=name) for name in ("left", "right")]
    asked = [{"name": "sum"}, {"name": "difference", "parameters": {"binary_data": False}}]
    outputs = read(server.infer(ADDER, *sides, parameters=_ALL_BINARY, outputs=asked)).outputs
    written = {name: output.binary for name, output in outputs.items()}
    same(written, {"sum": True, "difference": False}, "what is binary")
    same((outputs["sum"].values, outputs["difference"].values), ([2.0, 4.0], [0.0, 0.0]), "the data")


@BINARY.case("mixed", "one input may be JSON and another bytes", ADDER)
def mixed(server: Server) -> None:
    """The JSON one stands first."""
    document = {"inputs": [tensor([1, 2], shape=[2], name="left"), behind(8, shape=[2], name="right")]}
    outputs = read(send(server, ADDER, document, to_bytes("FP32", [10, 20]))).outputs
    same(outputs["sum"].values, [11.0, 22.0], "the sum")


@BINARY.case("order", "tensors follow in the order of the inputs", ADDER)
def order(server: Server) -> None:
    """Of the request, not of the model."""
    document = {"inputs": [behind(8, shape=[2], name="right"), behind(8, shape=[2], name="left")]}
    outputs = read(send(server, ADDER, document, to_bytes("FP32", [10, 20]), to_bytes("FP32", [1, 2]))).outputs
    same(outputs["difference"].values, [-9.0, -18.0], "left - right")


@BINARY.case("raw", "with a header of 0 the whole body is the one tensor, and the answer is bytes", _FP32)
def raw(server: Server) -> None:
    """The shape follows from the size."""
    body = to_bytes("FP32", [1, 2, 3, 4])
    answer = server.ask("POST", infer_path(_FP32), body, {HEADER: "0", "Content-Type": "application/octet-stream"})
    output = read(answer).outputs["output"]
    same((output.shape, output.values), ((2, 2), [1.0, 2.0, 3.0, 4.0]), "shape and data")


@BINARY.case("texts", "BYTES hold any text: empty, of several bytes, with zero bytes", identity("BYTES"))
def texts(server: Server) -> None:
    """Each element carries its length."""
    values = ["", "日本語 𝄞", "a\0b", "\n"]
    part = to_bytes("BYTES", values)
    document = {"inputs": [behind(len(part), shape=[2, 2], datatype="BYTES")], "parameters": _ALL_BINARY}
    output = read(send(server, identity("BYTES"), document, part)).outputs["output"]
    same((output.shape, output.values), ((2, 2), plain("BYTES", values)), "shape and data")


@BINARY.case("scalar", "a tensor without dimensions has one element", SCALAR)
def scalar(server: Server) -> None:
    """Four bytes."""
    document = {"inputs": [behind(4, shape=[])], "parameters": _ALL_BINARY}
    output = read(send(server, SCALAR, document, to_bytes("FP32", [2.5]))).outputs["output"]
    same((output.shape, output.values), ((), [2.5]), "shape and data")


@BINARY.case("empty", "a tensor of no elements has no bytes", _FP32)
def zero_size(server: Server) -> None:
    """The header is there nevertheless."""
    document = {"inputs": [behind(0, shape=[0, 2])], "parameters": _ALL_BINARY}
    output = read(send(server, _FP32, document)).outputs["output"]
    same((output.shape, output.values), ((0, 2), []), "shape and data")


@BINARY.case(
    "empty-null",
    'an input of size 0 may carry "data": null and no header, as the kserve client sends it',
    _FP32,
    source=Source.CLIENT,
    level=Level.RECOMMENDED,
)
def zero_size_null(server: Server) -> None:
    """What that client makes of a tensor without elements."""
    output = read(server.infer(_FP32, {**behind(0, shape=[0, 2]), "data": None})).outputs["output"]
    same((output.shape, output.values), ((0, 2), []), "shape and data")


@BINARY.case(
    "json-type", "the header alone decides: a Content-Type of JSON changes nothing", _FP32, level=Level.RECOMMENDED
)
def header_decides(server: Server) -> None:
    """As clients behind proxies send it."""
    body, headers = with_tensors({"inputs": [behind(8, shape=[1, 2])]}, to_bytes("FP32", [1, 2]))
    answer = server.ask("POST", infer_path(_FP32), body, {**headers, "Content-Type": "application/json"})
    _is(read(answer), "FP32", [1.0, 2.0], binary=False)


@BINARY.case("classification", "classes may be answered as bytes", CLASSIFIER)
def classes(server: Server) -> None:
    """They are BYTES."""
    asked = [{"name": "probabilities", "parameters": {"classification": 1, "binary_data": True}}]
    output = read(server.infer(CLASSIFIER, tensor([1, 2, 3, 4], shape=[1, 4]), outputs=asked)).outputs["probabilities"]
    same((output.datatype, output.shape, output.binary), ("BYTES", (1, 1), True), "datatype, shape, whether binary")
