"""The protocol over gRPC; needs grpcio, and nothing generated."""

import importlib.util
from functools import partial
from typing import Any

from slipway_conformance.case import Group, Level, Source
from slipway_conformance.models import ADDER, CLASSIFIER, SCALAR, identity
from slipway_conformance.protobuf import Fields, Message, encode, packed_floats, packed_varints
from slipway_conformance.server import Refuted, Server, same
from slipway_conformance.tensors import VALUES, from_bytes, plain, to_bytes

GRPC = Group("grpc", Source.PROTOCOL, Level.REQUIRED)
_FP32 = identity("FP32")
# Numbers of the fields of InferTensorContents; of FP16 and BF16 there is none, they are sent raw.
_CONTENTS = {
    "BOOL": 1,
    "INT8": 2,
    "INT16": 2,
    "INT32": 2,
    "INT64": 3,
    "UINT8": 4,
    "UINT16": 4,
    "UINT32": 4,
    "UINT64": 5,
}
_CONTENTS |= {"FP32": 6, "FP64": 7, "BYTES": 8}
_BAD = ("INVALID_ARGUMENT", "FAILED_PRECONDITION", "OUT_OF_RANGE")
_ABSENT = ("NOT_FOUND", "INVALID_ARGUMENT", "UNAVAILABLE")


def unavailable(server: Server) -> str:
    """Why gRPC cannot be tried; empty: it can."""
    if server.grpc is None:
        return "no address of gRPC was given"
    return "" if importlib.util.find_spec("grpc") else "grpcio is not installed"


def _call(server: Server, method: str, message: Message) -> Fields:
    import grpc

    with grpc.insecure_channel(str(server.grpc)) as channel:
        call: Any = channel.unary_unary(f"/inference.GRPCInferenceService/{method}")
        return Fields(call(encode(message), timeout=server.timeout))


def _refused(server: Server, method: str, message: Message, statuses: tuple[str, ...]) -> None:
    import grpc

    try:
        _call(server, method, message)
    except grpc.RpcError as error:
        if error.code().name not in statuses:
            raise Refuted(f"status {error.code().name}, not {' or '.join(statuses)}: {error.details()}") from error
    else:
        raise Refuted("the call was answered")


def _truth(method: str, message: Message, server: Server) -> None:
    same(_call(server, method, message).number(1), 1, f"the answer of {method}")


def _raw(datatype: str, shape: list[int], name: str = "input") -> Message:
    return [(1, name), (2, datatype), (3, packed_varints(shape))]


def _contents(datatype: str, values: list[Any]) -> Message:
    number = _CONTENTS[datatype]
    if datatype == "BYTES":
        return [(number, value) for value in plain(datatype, values)]
    if datatype in ("FP32", "FP64"):
        return [(number, packed_floats("f" if datatype == "FP32" else "d", values))]
    return [(number, packed_varints(values))]


def _typed_values(datatype: str, contents: Fields) -> list[Any]:
    number = _CONTENTS[datatype]
    if datatype == "BYTES":
        return contents.all(number)
    if datatype in ("FP32", "FP64"):
        return from_bytes(datatype, contents.packed(number))
    found = contents.varints(number)
    if datatype == "BOOL":
        return [bool(value) for value in found]
    return [value % 2**64 for value in found] if datatype == "UINT64" else list(found)


def _outputs(answer: Fields) -> dict[str, tuple[str, tuple[int, ...], list[Any]]]:
    """Datatype, shape and values of each output, raw or typed."""
    raw = answer.all(6)
    found = {}
    for position, output in enumerate(answer.messages(5)):
        datatype = output.text(2)
        values = from_bytes(datatype, raw[position]) if raw else _typed_values(datatype, output.messages(5)[0])
        found[output.text(1)] = (datatype, tuple(output.varints(3)), values)
    return found


def _raw_survives(datatype: str, server: Server) -> None:
    values = list(VALUES[datatype])
    message = [(1, identity(datatype)), (5, _raw(datatype, [1, 2])), (7, to_bytes(datatype, values))]
    wanted = {"output": (datatype, (1, 2), plain(datatype, values))}
    same(_outputs(_call(server, "ModelInfer", message)), wanted, "outputs")


def _typed_survives(datatype: str, server: Server) -> None:
    values = list(VALUES[datatype])
    tensor = [*_raw(datatype, [1, 2]), (5, _contents(datatype, values))]
    wanted = {"output": (datatype, (1, 2), plain(datatype, values))}
    same(_outputs(_call(server, "ModelInfer", [(1, identity(datatype)), (5, tensor)])), wanted, "outputs")


GRPC.add("live", "ServerLive is true", partial(_truth, "ServerLive", []))
GRPC.add("ready", "ServerReady is true", partial(_truth, "ServerReady", []))
GRPC.add("model-ready", "ModelReady is true", partial(_truth, "ModelReady", [(1, _FP32)]), _FP32)
for _datatype in VALUES:
    _model = identity(_datatype)
    GRPC.add(
        f"raw-{_datatype.lower()}", f"{_datatype} in raw contents comes back", partial(_raw_survives, _datatype), _model
    )
for _datatype in _CONTENTS:
    _model = identity(_datatype)
    GRPC.add(
        f"typed-{_datatype.lower()}",
        f"{_datatype} in typed contents comes back",
        partial(_typed_survives, _datatype),
        _model,
    )


@GRPC.case("server-metadata", "ServerMetadata tells a name")
def server_metadata(server: Server) -> None:
    """Version and extensions may be empty."""
    if not _call(server, "ServerMetadata", []).text(1):
        raise Refuted("the name is empty")


@GRPC.case("model-metadata", "ModelMetadata tells inputs and outputs", ADDER)
def model_metadata(server: Server) -> None:
    """Names, datatypes and shapes."""
    answer = _call(server, "ModelMetadata", [(1, ADDER)])
    told = {one.text(1): (one.text(2), one.varints(3)) for one in (*answer.messages(4), *answer.messages(5))}
    same(told, dict.fromkeys(("left", "right", "sum", "difference"), ("FP32", [-1])), "tensors")


@GRPC.case("outputs", "only the outputs that are asked for are answered", ADDER)
def requested(server: Server) -> None:
    """One of two, of inputs in another order than the model's."""
    inputs = [(5, _raw("FP32", [2], name)) for name in ("right", "left")]
    raw = [(7, to_bytes("FP32", values)) for values in ([10, 20], [1, 2])]
    answer = _call(server, "ModelInfer", [(1, ADDER), *inputs, (6, [(1, "difference")]), *raw])
    same(_outputs(answer), {"difference": ("FP32", (2,), [-9.0, -18.0])}, "outputs")


@GRPC.case("id", "an id comes back, and the model's name", _FP32)
def identity_is_echoed(server: Server) -> None:
    """A text of several bytes."""
    message = [(1, _FP32), (3, "é-1"), (5, _raw("FP32", [1, 2])), (7, to_bytes("FP32", [1, 2]))]
    answer = _call(server, "ModelInfer", message)
    same((answer.text(3), answer.text(1)), ("é-1", _FP32), "id and model_name")


@GRPC.case("parameters", "unknown parameters are no error", _FP32)
def parameters(server: Server) -> None:
    """A text, a number and a truth."""
    given = [
        (4, [(1, key), (2, [value])]) for key, value in (("text", (3, "x")), ("number", (2, 7)), ("truth", (1, 1)))
    ]
    _call(server, "ModelInfer", [(1, _FP32), *given, (5, _raw("FP32", [1, 2])), (7, to_bytes("FP32", [1, 2]))])


@GRPC.case("scalar", "a tensor may have no dimension", SCALAR)
def scalar(server: Server) -> None:
    """Raw, four bytes."""
    answer = _call(server, "ModelInfer", [(1, SCALAR), (5, _raw("FP32", [])), (7, to_bytes("FP32", [2.5]))])
    same(_outputs(answer), {"output": ("FP32", (), [2.5])}, "outputs")


@GRPC.case("empty", "a dimension may be zero", _FP32)
def zero_size(server: Server) -> None:
    """Raw, no bytes."""
    answer = _call(server, "ModelInfer", [(1, _FP32), (5, _raw("FP32", [0, 2])), (7, b"")])
    same(_outputs(answer), {"output": ("FP32", (0, 2), [])}, "outputs")


def _bad(message: Message, server: Server) -> None:
    _refused(server, "ModelInfer", message, _BAD)


_BODIES: tuple[tuple[str, str, Message], ...] = (
    ("short", "fewer raw bytes than the shape needs", [(5, _raw("FP32", [1, 2])), (7, b"\0" * 4)]),
    ("extra-raw", "more raw contents than inputs", [(5, _raw("FP32", [1, 2])), (7, b"\0" * 8), (7, b"\0" * 8)]),
    ("shape", "a shape that the model does not take", [(5, _raw("FP32", [1, 3])), (7, b"\0" * 12)]),
    ("negative", "a negative dimension", [(5, _raw("FP32", [-1, 2])), (7, b"\0" * 8)]),
    ("huge", "a shape of more elements than any machine holds", [(5, _raw("FP32", [2**62, 2])), (7, b"\0" * 8)]),
    ("datatype", "a datatype that is not the model's", [(5, _raw("INT64", [1, 1])), (7, b"\0" * 8)]),
    ("name", "an input that the model does not have", [(5, _raw("FP32", [1, 2], "other")), (7, b"\0" * 8)]),
    ("no-inputs", "a request without inputs", []),
    (
        "both",
        "raw contents beside typed ones",
        [(5, [*_raw("FP32", [1, 2]), (5, _contents("FP32", [1, 2]))]), (7, b"\0" * 8)],
    ),
    (
        "output",
        "an output that the model does not have",
        [(5, _raw("FP32", [1, 2])), (6, [(1, "other")]), (7, b"\0" * 8)],
    ),
)
for _name, _says, _fields in _BODIES:
    GRPC.add(f"error-{_name}", f"{_says}: INVALID_ARGUMENT", partial(_bad, [(1, _FP32), *_fields]), _FP32)
for _method in ("ModelInfer", "ModelMetadata"):
    GRPC.add(
        f"unknown-{_method.lower()}",
        f"{_method} of an unknown model is refused",
        partial(lambda method, server: _refused(server, method, [(1, "no-such-model")], _ABSENT), _method),
    )


@GRPC.case("unknown-method", "a method that does not exist is UNIMPLEMENTED")
def unknown_method(server: Server) -> None:
    """As gRPC says."""
    _refused(server, "NoSuchMethod", [], ("UNIMPLEMENTED",))


@GRPC.case(
    "classification", "classification answers score:index", CLASSIFIER, source=Source.EXTENSION, level=Level.RECOMMENDED
)
def classification(server: Server) -> None:
    """By a parameter of the output, as over REST."""
    asked = [(1, "probabilities"), (2, [(1, "classification"), (2, [(2, 1)])])]
    message = [(1, CLASSIFIER), (5, _raw("FP32", [1, 4])), (6, asked), (7, to_bytes("FP32", [5, 3.5, 1.5, 0.25]))]
    datatype, shape, values = _outputs(_call(server, "ModelInfer", message))["probabilities"]
    same((datatype, shape, values[0].count(b":")), ("BYTES", (1, 1), 1), "datatype, shape and colons")


@GRPC.case("config", "ModelConfig is answered", ADDER, source=Source.EXTENSION, level=Level.RECOMMENDED)
def config(server: Server) -> None:
    """The model's name stands in it."""
    same(_call(server, "ModelConfig", [(1, ADDER)]).messages(1)[0].text(1), ADDER, "name")


@GRPC.case("statistics", "ModelStatistics is answered", _FP32, source=Source.EXTENSION, level=Level.RECOMMENDED)
def statistics(server: Server) -> None:
    """Of the model that is asked for."""
    same(_call(server, "ModelStatistics", [(1, _FP32)]).messages(1)[0].text(1), _FP32, "name")


@GRPC.case("index", "RepositoryIndex lists the models", _FP32, source=Source.EXTENSION, level=Level.RECOMMENDED)
def index(server: Server) -> None:
    """The one that is asked for is among them."""
    if _FP32 not in {one.text(1) for one in _call(server, "RepositoryIndex", []).messages(1)}:
        raise Refuted(f"{_FP32} is not among them")
