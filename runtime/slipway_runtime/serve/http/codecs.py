"""Which form of body belongs to which path, and how its answer is written."""

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any, NamedTuple

from slipway_runtime.serve.engine import InferenceRequest, InferenceResponse
from slipway_runtime.serve.errors import BadInput
from slipway_runtime.serve.http.messages import OK, Request, Response
from slipway_runtime.serve.model import ServedModel
from slipway_runtime.serve.protocols import predict, v1, v2_json
from slipway_runtime.serve.protocols.v2_request import read_document, read_with_tensors
from slipway_runtime.serve.protocols.v2_response import encode_as_wished
from slipway_runtime.serve.protocols.v2_terms import Wishes

_BINARY_HEADER = b"inference-header-content-length"
_OCTETS = "application/octet-stream"
_NOTHING = memoryview(b"")

Encode = Callable[[ServedModel, InferenceResponse], Response]
Decoded = tuple[InferenceRequest, Encode]
Decode = Callable[[Request, bytes, ServedModel], Decoded]


class Target(NamedTuple):
    """What the path of a request for an inference says; without a name the body says which model."""

    decode: Decode
    model: str | None
    version: str | None


@lru_cache(maxsize=1024)
def inference_at(path: str) -> Target | None:
    """What an inference at ``path`` would be; None: there is none."""
    match path.split("/")[1:]:
        case ["v2", "models", name, "infer"]:
            return Target(_v2, name, None)
        case ["v2", "models", name, "versions", version, "infer"]:
            return Target(_v2, name, version)
        case ["v1", "models", verb] if verb.endswith(":predict"):
            return Target(_v1, verb.removesuffix(":predict"), None)
        case ["predict"]:
            return Target(_rows, None, None)
        case ["models", name, "predict"]:
            return Target(_rows, name, None)
    return None


def _v2(request: Request, body: bytes, model: ServedModel) -> Decoded:
    length = request.headers.get(_BINARY_HEADER)
    if length is not None:
        inference, wishes = read_with_tensors(body, length, model)
    else:
        document = v2_json.parse_object(body)
        usual = v2_json.usual_request(document, model)
        if usual is not None:
            return usual, _usual
        inference, wishes = read_document(document, model, _NOTHING)
    return inference, partial(_as_wished, wishes) if wishes.named or wishes.others.binary else _usual


def _usual(model: ServedModel, response: InferenceResponse) -> Response:
    return Response(OK, v2_json.encode(model, response))


def _as_wished(wishes: Wishes, model: ServedModel, response: InferenceResponse) -> Response:
    body, length = encode_as_wished(model, response, wishes)
    if length is None:
        return Response(OK, body)
    return Response(OK, body, _OCTETS, b"%b: %d\r\n" % (_BINARY_HEADER, length))


def _v1(_request: Request, body: bytes, model: ServedModel) -> Decoded:
    document = v2_json.parse_object(body)
    if ("instances" in document) == ("inputs" in document):
        raise BadInput('either "instances" (rows) or "inputs" (columns) is expected')
    if "instances" in document:
        return v1.decode_rows(document, model), _v1_rows
    return v1.decode_columns(document, model), _v1_columns


def _v1_rows(model: ServedModel, response: InferenceResponse) -> Response:
    return Response(OK, v1.encode_rows(model, response))


def _v1_columns(model: ServedModel, response: InferenceResponse) -> Response:
    return Response(OK, v1.encode_columns(model, response))


def _rows(_request: Request, body: bytes, model: ServedModel) -> Decoded:
    document: dict[str, Any] = v2_json.parse_object(body)
    wanted = document.get("probabilities", False)
    if not isinstance(wanted, bool):
        raise BadInput('"probabilities" must be true or false')
    return predict.decode(document, model), _with_probabilities if wanted else _prediction


def _prediction(model: ServedModel, response: InferenceResponse) -> Response:
    return Response(OK, predict.encode(model, response, probabilities=False))


def _with_probabilities(model: ServedModel, response: InferenceResponse) -> Response:
    return Response(OK, predict.encode(model, response, probabilities=True))
