"""Inferences on their way from a request's body to its answer: parsed, checked, batched, counted."""

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import Executor
from functools import lru_cache
from typing import NamedTuple

from slipway_runtime.serve import predict, v2_json
from slipway_runtime.serve.batching import Answer, Batcher
from slipway_runtime.serve.engine import InferenceRequest, InferenceResponse
from slipway_runtime.serve.errors import BadInput, Fault, RequestError
from slipway_runtime.serve.messages import OK, Request, Respond, Response, error_body
from slipway_runtime.serve.metrics import Metrics
from slipway_runtime.serve.model import INLINE_SECONDS, ServedModel
from slipway_runtime.serve.repository import ModelRepository, Phase

_log = logging.getLogger(__name__)

_BINARY_HEADER = b"inference-header-content-length"

# Below this a body is parsed on the event loop: handing it to a thread costs more CPU than it saves.
_INLINE_BYTES = 16 * 1024


class Codec(NamedTuple):
    """A form of bodies: how to read one, and how to write the answer to it."""

    decode: Callable[[bytes, ServedModel], InferenceRequest]
    encode: Callable[[ServedModel, bytes, InferenceResponse], bytes]


class Target(NamedTuple):
    """What the path of a request for an inference says; without a name the body says which model."""

    codec: Codec
    model: str | None
    version: str | None


class Inferences:
    """Begins inferences; used on the event loop only."""

    def __init__(self, repository: ModelRepository, metrics: Metrics, executor: Executor) -> None:
        """Count in ``metrics``; what would hold up the event loop runs in ``executor``."""
        self._repository = repository
        self._metrics = metrics
        self._executor = executor
        self._batcher = Batcher()

    def begin(self, request: Request, respond: Respond, target: Target) -> None:
        """Answer ``request`` by one call of ``respond``, now or later; whatever fails is an answer too."""
        start = time.perf_counter()
        codec = target.codec
        served = ""

        def finish(answer: bytes | Answer) -> None:
            closes = self._repository.phase is Phase.DRAINING
            try:
                if isinstance(answer, InferenceResponse):
                    answer = codec.encode(model, request.body, answer)
            except Exception as error:  # noqa: BLE001 - a bug must not leave a client without an answer
                answer = error
            if isinstance(answer, bytes):
                response = Response(OK, answer, close=closes)
            else:
                response = failure(request, answer, closes=closes)
            self._metrics.record(served, response.status, time.perf_counter() - start)
            respond(response)

        try:
            _check_headers(request.headers)
            model = self._find(target, request.body)
            served = model.name
            if len(request.body) > _INLINE_BYTES:
                self._in_pool(lambda: codec.decode(request.body, model), model, request.body, codec, finish)
                return
            inference = codec.decode(request.body, model)
        except Exception as error:  # noqa: BLE001 - a bug must not leave a client without an answer
            finish(error)
            return
        if model.cost.estimate(inference) > INLINE_SECONDS:
            self._in_pool(lambda: inference, model, request.body, codec, finish)
        else:
            self._batcher.add(model, inference, finish)

    def _find(self, target: Target, body: bytes) -> ServedModel:
        if target.model is not None:
            return self._repository.get(target.model, target.version)
        name = v2_json.parse_object(body).get("model") if b'"model"' in body else None
        if name is None:
            return self._repository.only()
        if not isinstance(name, str):
            raise BadInput('"model" must be the name of a model')
        return self._repository.get(name)

    def _in_pool(
        self,
        decode: Callable[[], InferenceRequest],
        model: ServedModel,
        body: bytes,
        codec: Codec,
        finish: Callable[[bytes | Answer], None],
    ) -> None:
        def run() -> bytes | Answer:
            try:
                return codec.encode(model, body, model.infer(decode()))
            except Exception as error:  # noqa: BLE001 - answered by finish
                return error

        future = asyncio.get_running_loop().run_in_executor(self._executor, run)
        future.add_done_callback(lambda done: finish(done.result()))


def failure(request: Request, error: Exception, *, closes: bool) -> Response:
    """Word ``error`` for a client; one that is no RequestError is a bug, and its details go to the log."""
    if isinstance(error, RequestError):
        allow = ("POST" if request.method == "GET" else "GET") if error.fault is Fault.WRONG_METHOD else None
        return Response(error.fault, error_body(str(error)), allow=allow, close=closes)
    _log.error("request failed", exc_info=error, extra={"method": request.method, "path": request.path})
    return Response(Fault.INTERNAL, error_body("the server failed; its log has the details"), close=closes)


def _check_headers(headers: dict[bytes, bytes]) -> None:
    if headers.get(b"content-encoding", b"identity") != b"identity":
        raise RequestError(Fault.UNSUPPORTED, "compressed bodies are not supported; send plain JSON")
    if _BINARY_HEADER in headers:
        raise RequestError(
            Fault.UNSUPPORTED, 'binary tensors are not supported; send JSON (clients: "binary_data": false)'
        )


def _encode_v2(model: ServedModel, _body: bytes, response: InferenceResponse) -> bytes:
    return v2_json.encode(model, response)


def _decode_rows(body: bytes, model: ServedModel) -> InferenceRequest:
    return predict.decode(v2_json.parse_object(body), model)


def _encode_prediction(model: ServedModel, body: bytes, response: InferenceResponse) -> bytes:
    wanted = v2_json.parse_object(body).get("probabilities", False) if b'"probabilities"' in body else False
    if not isinstance(wanted, bool):
        raise BadInput('"probabilities" must be true or false')
    return predict.encode(model, response, probabilities=wanted)


V2 = Codec(v2_json.decode, _encode_v2)
ROWS = Codec(_decode_rows, _encode_prediction)


@lru_cache(maxsize=1024)
def inference_at(path: str) -> Target | None:
    """What an inference at ``path`` would be; None: there is none."""
    match path.split("/")[1:]:
        case ["v2", "models", name, "infer"]:
            return Target(V2, name, None)
        case ["v2", "models", name, "versions", version, "infer"]:
            return Target(V2, name, version)
        case ["predict"]:
            return Target(ROWS, None, None)
        case ["models", name, "predict"]:
            return Target(ROWS, name, None)
    return None
