"""Inferences in JSON."""

import json
from functools import partial

from slipway_conformance.case import Group, Level, Source
from slipway_conformance.cases.described import a_version
from slipway_conformance.models import ADDER, CLASSIFIER, SCALAR, identity, probabilities
from slipway_conformance.server import Refuted, Server, infer_path, same
from slipway_conformance.tensors import VALUES, Output, plain, read, tensor

INFER = Group("infer", Source.PROTOCOL, Level.REQUIRED)
CLASSIFY = Group("classification", Source.EXTENSION, Level.EXTENSION, "classification")
_FP32 = identity("FP32")
_ROWS = ((5.0, 3.5, 1.5, 0.25), (0.0, -1.0, 2.0, 0.5))
_CLOSE = 1e-4
# JSON has no half-precision numbers of its own; whether a server takes wider ones is left to it.
_HALVES = ("FP16", "BF16")


def _survives(datatype: str, server: Server) -> None:
    values = list(VALUES[datatype])
    answer = server.infer(identity(datatype), tensor(values, shape=[1, 2], datatype=datatype))
    output = read(answer).outputs["output"]
    same((output.datatype, output.shape), (datatype, (1, 2)), "datatype and shape")
    same(output.values, plain(datatype, values), "the data")


for _datatype in VALUES:
    INFER.add(
        _datatype.lower(),
        f"{_datatype} in JSON comes back as it was sent",
        partial(_survives, _datatype),
        identity(_datatype),
        level=Level.RECOMMENDED if _datatype in _HALVES else Level.REQUIRED,
    )


def _classified(server: Server, data: object) -> None:
    output = read(server.infer(CLASSIFIER, tensor(data, shape=[2, 4]))).outputs["probabilities"]
    same((output.datatype, output.shape), ("FP32", (2, 3)), "datatype and shape")
    wanted = [value for row in probabilities(_ROWS) for value in row]
    if any(abs(found - value) > _CLOSE for found, value in zip(output.values, wanted, strict=True)):
        raise Refuted(f"probabilities are {output.values}, not {wanted}")


INFER.add("flat", "data may be flat", lambda s: _classified(s, [x for row in _ROWS for x in row]), CLASSIFIER)
INFER.add(
    "nested", "data may be nested as its shape", lambda s: _classified(s, [list(row) for row in _ROWS]), CLASSIFIER
)


@INFER.case("rows", "a free dimension may be large", _FP32)
def many_rows(server: Server) -> None:
    """Some thousands of elements, more than one buffer of a socket."""
    values = [float(number) for number in range(20_000)]
    output = read(server.infer(_FP32, tensor(values, shape=[10_000, 2]))).outputs["output"]
    same(output.shape, (10_000, 2), "the shape")
    same(output.values, values, "the data")


@INFER.case("inputs", "a model of several inputs takes them in any order and answers all outputs", ADDER)
def several(server: Server) -> None:
    """Order of the request is not that of the model."""
    outputs = read(server.infer(ADDER, *_sides())).outputs
    same(_numbers(outputs), {"sum": [11.0, 22.0], "difference": [-9.0, -18.0]}, "outputs")


def _sides() -> tuple[dict[str, object], ...]:
    return (tensor([10, 20], shape=[2], name="right"), tensor([1, 2], shape=[2], name="left"))


def _numbers(outputs: dict[str, Output]) -> dict[str, list[float]]:
    return {name: output.values for name, output in outputs.items()}


@INFER.case("outputs", "only the outputs that are asked for are answered", ADDER)
def requested(server: Server) -> None:
    """One of two."""
    outputs = read(server.infer(ADDER, *_sides(), outputs=[{"name": "difference"}])).outputs
    same(_numbers(outputs), {"difference": [-9.0, -18.0]}, "outputs")


@INFER.case("id", "an id comes back", _FP32)
def identity_is_echoed(server: Server) -> None:
    """A text that needs escapes."""
    answer = server.infer(_FP32, tensor([1, 2], shape=[1, 2]), id='a "b" é')
    same(read(answer).document.get("id"), 'a "b" é', '"id"')


@INFER.case("model-name", "the answer names the model", _FP32)
def model_is_named(server: Server) -> None:
    """By the name that was asked."""
    same(read(server.infer(_FP32, tensor([1, 2], shape=[1, 2]))).document["model_name"], _FP32, '"model_name"')


@INFER.case("parameters", "unknown parameters of a request and of its tensors are no error", _FP32)
def parameters(server: Server) -> None:
    """Texts, numbers and truths, as the protocol allows them."""
    given = {"text": "x", "number": 3, "half": 0.5, "truth": True}
    request = tensor([1, 2], shape=[1, 2], parameters=given)
    read(server.infer(_FP32, request, parameters=given, outputs=[{"name": "output", "parameters": given}]))


@INFER.case("scalar", "a tensor may have no dimension", SCALAR)
def scalar(server: Server) -> None:
    """Its data is a list of one."""
    output = read(server.infer(SCALAR, tensor([2.5], shape=[]))).outputs["output"]
    same((output.shape, output.values), ((), [2.5]), "shape and data")


@INFER.case("empty", "a dimension may be zero", _FP32)
def zero_size(server: Server) -> None:
    """No rows in, no rows out."""
    output = read(server.infer(_FP32, tensor([], shape=[0, 2]))).outputs["output"]
    same((output.shape, output.values), ((0, 2), []), "shape and data")


@INFER.case("bytes-multibyte", "BYTES in JSON are texts: empty, of several bytes, and with escapes", identity("BYTES"))
def texts(server: Server) -> None:
    """The escapes are those that JSON has."""
    values = ["", "𝄞 ñ", '"\\\n\t', "日本語"]
    output = read(server.infer(identity("BYTES"), tensor(values, shape=[2, 2], datatype="BYTES"))).outputs["output"]
    same(output.values, plain("BYTES", values), "the data")


@INFER.case("version", "POST v2/models/M/versions/V/infer answers as without a version", _FP32)
def version(server: Server) -> None:
    """The version is the one that the metadata tell."""
    document = {"inputs": [tensor([1, 2], shape=[1, 2])]}
    read(server.post(f"/v2/models/{_FP32}/versions/{a_version(server)}/infer", document))


def _typed(content_type: str | None, server: Server) -> None:
    body = json.dumps({"inputs": [tensor([1, 2], shape=[1, 2])]}).encode()
    read(server.ask("POST", infer_path(_FP32), body, {"Content-Type": content_type} if content_type else {}))


for _name, _given in (("no-content-type", None), ("form-content-type", "application/x-www-form-urlencoded")):
    INFER.add(
        _name,
        f"a request is read whatever its Content-Type: {_given or 'none, as tritonclient sends'}",
        partial(_typed, _given),
        _FP32,
        source=Source.CLIENT,
        level=Level.RECOMMENDED,
    )


def _best(server: Server) -> None:
    request = tensor([list(row) for row in _ROWS], shape=[2, 4])
    asked = [{"name": "probabilities", "parameters": {"classification": 2}}]
    output = read(server.infer(CLASSIFIER, request, outputs=asked)).outputs["probabilities"]
    same((output.datatype, output.shape), ("BYTES", (2, 2)), "datatype and shape")
    truth = probabilities(_ROWS)
    for position, text in enumerate(output.values):
        score, index, *_ = text.decode().split(":")
        row = truth[position // 2]
        wanted = sorted(range(3), key=lambda column: -row[column])[position % 2]
        if int(index) != wanted or abs(float(score) - row[wanted]) > _CLOSE:
            raise Refuted(f"class {position} is {text!r}, not {row[wanted]}:{wanted}")


CLASSIFY.add("best", "classification answers score:index of the best classes, best first", _best, CLASSIFIER)
