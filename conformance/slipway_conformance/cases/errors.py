"""Refusals: whatever is wrong, the status says whose fault it is and the body is ``{"error": …}``."""

import json
from functools import partial
from typing import Any

from slipway_conformance.case import Group, Level, Source
from slipway_conformance.cases.binary import send
from slipway_conformance.models import ADDER, identity
from slipway_conformance.server import REFUSED, Refuted, Server, infer_path, same
from slipway_conformance.tensors import HEADER, behind, read, tensor, to_bytes

ERRORS = Group("errors", Source.PROTOCOL, Level.REQUIRED)
BINARY_ERRORS = Group("binary-errors", Source.EXTENSION, Level.EXTENSION, "binary_tensor_data")
_FP32 = identity("FP32")
_TEXTS = identity("BYTES")
_DEEP = 100_000
_HUGE = 2**62


def _refused(body: bytes, server: Server, model: str = _FP32) -> None:
    server.ask("POST", infer_path(model), body, {"Content-Type": "application/json"}).refused()
    # The next request tells whether the server has survived.
    read(server.infer(_FP32, tensor([1, 2], shape=[1, 2])))


def _one(**changes: Any) -> bytes:
    """A good request with changes to its tensor; ``...`` leaves a field out."""
    whole = {**tensor([1, 2], shape=[1, 2]), **changes}
    return json.dumps({"inputs": [{key: value for key, value in whole.items() if value is not ...}]}).encode()


_BODIES = (
    ("empty", "a body of no bytes", b""),
    ("not-json", "a body that is not JSON", b"{"),
    ("not-utf8", "a body that is not UTF-8", b"\xff\xfe"),
    ("not-object", "JSON that is no object", b"[]"),
    ("no-inputs", "a request without inputs", b"{}"),
    ("deep", "JSON nested 100,000 levels deep", b"[" * _DEEP),
    (
        "deep-data",
        "data nested 100,000 levels deep",
        b'{"inputs":[{"name":"input","shape":[1,2],"datatype":"FP32","data":' + b"[" * _DEEP + b"]" * _DEEP + b"}]}",
    ),
    ("few", "fewer elements than the shape needs", _one(data=[1])),
    ("many", "more elements than the shape needs", _one(data=[1, 2, 3])),
    ("shape", "a shape that the model does not take", _one(shape=[1, 3], data=[1, 2, 3])),
    ("rank", "a shape of another rank", _one(shape=[2])),
    ("negative", "a negative dimension", _one(shape=[-1, 2])),
    ("huge", "a shape of more elements than any machine holds", _one(shape=[_HUGE, 2])),
    ("no-shape", "an input without a shape", _one(shape=...)),
    ("datatype", "a datatype that is not the model's", _one(datatype="INT64")),
    ("unknown-datatype", "a datatype that does not exist", _one(datatype="FLOAT")),
    ("name", "an input that the model does not have", _one(name="other")),
    ("no-data", "an input without data", _one(data=...)),
    ("text", "texts where numbers belong", _one(data=["a", "b"])),
    ("null", "null where numbers belong", _one(data=[None, 1])),
    ("ragged", "data nested unevenly", _one(data=[[1], [2, 3]])),
    ("nan", "NaN, which JSON does not have", _one(data=[1, 2]).replace(b"[1, 2]}", b"[NaN, 2]}")),
    (
        "output",
        "an output that the model does not have",
        json.dumps({**json.loads(_one()), "outputs": [{"name": "other"}]}).encode(),
    ),
)  # fmt: skip - a table
for _name, _says, _body in _BODIES:
    ERRORS.add(_name, f"{_says}: 4xx with an error", partial(_refused, _body), _FP32)


@ERRORS.case("missing-input", "an input that is missing: 4xx with an error", ADDER)
def missing(server: Server) -> None:
    """One of two is there."""
    server.infer(ADDER, tensor([1], shape=[1], name="left")).refused()


@ERRORS.case("in-the-model", "values that the model itself refuses: an error, and the server goes on", ADDER)
def in_the_model(server: Server) -> None:
    """Lengths that the signature allows and the sum does not."""
    sides = [tensor([1] * length, shape=[length], name=name) for name, length in (("left", 2), ("right", 3))]
    server.infer(ADDER, *sides).refused(REFUSED)
    same(server.get("/v2/health/live").status, 200, "the status of v2/health/live afterwards")


@ERRORS.case("unknown-model", "an unknown model: 4xx with an error")
def unknown_model(server: Server) -> None:
    """404 is what servers agree on, 400 what the text says."""
    server.infer("no-such-model", tensor([1, 2], shape=[1, 2])).refused()


@ERRORS.case("unknown-metadata", "metadata of an unknown model: 4xx with an error")
def unknown_metadata(server: Server) -> None:
    """As for an inference."""
    server.get("/v2/models/no-such-model").refused()


@ERRORS.case("no-path", "a path that does not exist: 404 with an error", source=Source.CLIENT, level=Level.RECOMMENDED)
def no_path(server: Server) -> None:
    """Clients parse the body of every error."""
    server.get("/v2/no/such/path").refused(range(404, 405))


@ERRORS.case(
    "method", "a method that a path does not take: 405 with an error", _FP32,
    source=Source.CLIENT, level=Level.RECOMMENDED,
)  # fmt: skip
def wrong_method(server: Server) -> None:
    """Of a path that exists."""
    server.get(infer_path(_FP32)).refused(range(405, 406))
    server.ask("POST", "/v2/health/live", b"").refused(range(405, 406))


def _binary(model: str, document: object, part: bytes, server: Server) -> None:
    send(server, model, document, part).refused()


_BINARY = (
    ("short", "fewer bytes than the shape needs", [behind(4, shape=[1, 2])], b"\0" * 4),
    ("long", "more bytes than the shape needs", [behind(12, shape=[1, 2])], b"\0" * 12),
    ("missing", "a size beyond the end of the body", [behind(8, shape=[1, 2])], b"\0" * 4),
    ("left", "bytes that belong to no tensor", [behind(8, shape=[1, 2])], b"\0" * 12),
    ("huge", "a size that no body has", [behind(_HUGE, shape=[1, 2])], b"\0" * 8),
    ("negative", "a negative size", [behind(-8, shape=[1, 2])], b"\0" * 8),
    ("datatype", "a datatype that is not the model's", [behind(8, shape=[1, 1], datatype="INT64")], b"\0" * 8),
)
for _name, _says, _inputs, _part in _BINARY:
    BINARY_ERRORS.add(
        _name,
        f"{_says}: 4xx with an error",
        partial(_binary, _FP32, {"inputs": _inputs}, _part),
        _FP32,
    )

_ELEMENTS = (
    ("element-length", "an element of BYTES longer than what is left", b"\xff\xff\xff\x7fab" + to_bytes("BYTES", [""])),
    ("element-cut", "BYTES that end within a length", to_bytes("BYTES", ["a"]) + b"\0\0"),
    ("element-count", "fewer elements of BYTES than the shape needs", to_bytes("BYTES", ["a"])),
)
for _name, _says, _part in _ELEMENTS:
    _document = {"inputs": [behind(len(_part), shape=[1, 2], datatype="BYTES")]}
    BINARY_ERRORS.add(
        _name,
        f"{_says}: 4xx with an error",
        partial(_binary, _TEXTS, _document, _part),
        _TEXTS,
    )


def _headed(value: str, server: Server) -> None:
    answer = server.ask("POST", infer_path(_FP32), _one(), {HEADER: value})
    if answer.status not in range(400, 500):
        raise Refuted(f"status {answer.status}: {answer.body[:80]!r}")
    answer.refused()


for _name, _value in (
    ("header-huge", str(_HUGE)),
    ("header-text", "many"),
    ("header-negative", "-1"),
    ("header-short", "7"),
):
    BINARY_ERRORS.add(_name, f"a header of {_value}: 4xx with an error", partial(_headed, _value), _FP32)
