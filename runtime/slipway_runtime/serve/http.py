"""Routes: HTTP requests of the Open Inference Protocol, ``/predict`` and ``/metrics``, over RSGI."""

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any, Protocol

import orjson

from slipway_runtime.serve import predict, v2_json
from slipway_runtime.serve.engine import InferenceRequest
from slipway_runtime.serve.errors import BadInput, Fault, RequestError
from slipway_runtime.serve.metrics import Metrics
from slipway_runtime.serve.model import ServedModel
from slipway_runtime.serve.repository import ModelRepository, Phase

_log = logging.getLogger(__name__)

_JSON = ("content-type", "application/json")
_TEXT = ("content-type", "text/plain; version=0.0.4; charset=utf-8")
_CLOSE = ("connection", "close")
_BINARY_HEADER = "inference-header-content-length"

# Below these a request is answered on the event loop: handing it to a thread costs more CPU than it saves.
_INLINE_BYTES = 16 * 1024
_INLINE_SECONDS = 0.0005

Reply = tuple[int, bytes]


class Headers(Protocol):
    """Request headers, names in lower case."""

    def get(self, key: str, default: Any = None) -> Any:
        """Value of a header."""


class Scope(Protocol):
    """What RSGI says about a request."""

    proto: str
    method: str
    path: str
    headers: Headers


class Transport(Protocol):
    """RSGI's way to a request's body and to its response."""

    async def __call__(self) -> bytes:
        """The whole body."""

    def __aiter__(self) -> Any:
        """The body's chunks."""

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        """Answer."""


class HttpApplication:
    """An RSGI application; all of its state is changed on the event loop only."""

    def __init__(self, repository: ModelRepository, metrics: Metrics, executor: Executor, *, max_body: int) -> None:
        """Serve ``repository``; inferences that would hold up the event loop run in ``executor``."""
        self._repository = repository
        self._metrics = metrics
        self._executor = executor
        self._max_body = max_body
        self._in_flight = 0

    @property
    def in_flight(self) -> int:
        """Requests that have begun and are not answered."""
        return self._in_flight

    async def __rsgi__(self, scope: Scope, transport: Transport) -> None:
        """Answer one request; every answer of status 400 and above is ``{"error": …}``."""
        self._in_flight += 1
        headers = [_JSON]
        try:
            status, body = await self._answer(scope, transport)
            if status == 200 and scope.path == "/metrics":  # noqa: PLR2004 - HTTP's own number
                headers = [_TEXT]
        except RequestError as error:
            status, body = error.fault, _error(str(error))
            if error.fault is Fault.WRONG_METHOD:
                headers.append(("allow", "POST" if scope.method == "GET" else "GET"))
        except Exception:  # noqa: BLE001 - a bug must not leave a client without an answer
            _log.exception("request failed", extra={"method": scope.method, "path": scope.path})
            status, body = Fault.INTERNAL, _error("the server failed; its log has the details")
        finally:
            self._in_flight -= 1
        if self._repository.phase is Phase.DRAINING or status == Fault.TOO_LARGE:
            headers.append(_CLOSE)
        transport.response_bytes(status, headers, body)

    async def _answer(self, scope: Scope, transport: Transport) -> Reply:
        match scope.path.split("/")[1:]:
            case ["v2", "models", name, "infer"]:
                return await self._infer(scope, transport, name, None)
            case ["v2", "models", name, "versions", version, "infer"]:
                return await self._infer(scope, transport, name, version)
            case ["predict"]:
                return await self._predict(scope, transport, None)
            case ["models", name, "predict"]:
                return await self._predict(scope, transport, name)
            case parts:
                return self._describe(scope, parts)

    def _describe(self, scope: Scope, parts: list[str]) -> Reply:
        match parts:
            case ["v2", "health", "live"]:
                reply: Reply = (200, b'{"live":true}')
            case ["v2", "health", "ready"]:
                reply = self._ready()
            case ["v2"] | ["v2", ""]:
                reply = (200, _server_metadata())
            case ["v2", "models", name] | ["v2", "models", name, ""]:
                reply = (200, v2_json.metadata(self._repository.get(name)))
            case ["v2", "models", name, "versions", version]:
                reply = (200, v2_json.metadata(self._repository.get(name, version)))
            case ["v2", "models", name, "ready"]:
                reply = self._model_ready(name, None)
            case ["v2", "models", name, "versions", version, "ready"]:
                reply = self._model_ready(name, version)
            case ["metrics"]:
                reply = (200, self._render_metrics())
            case _:
                raise RequestError(
                    Fault.NOT_FOUND,
                    f"no such path: {scope.path}; the Open Inference Protocol is under /v2, rows go to /predict",
                )
        _require(scope, "GET")
        return reply

    def _ready(self) -> Reply:
        phase = self._repository.phase
        if phase is Phase.SERVING:
            return 200, b'{"ready":true}'
        return Fault.UNAVAILABLE, orjson.dumps({"ready": False, "error": f"not ready: {phase}"})

    def _model_ready(self, name: str, version: str | None) -> Reply:
        model = self._repository.get(name, version)
        return 200, orjson.dumps({"name": model.name, "ready": True})

    def _render_metrics(self) -> bytes:
        ready = self._repository.phase is Phase.SERVING
        return self._metrics.render(ready=ready, in_flight=self._in_flight).encode()

    async def _infer(self, scope: Scope, transport: Transport, name: str, version: str | None) -> Reply:
        _require(scope, "POST")
        return await self._measured(
            scope,
            transport,
            find=lambda _: self._repository.get(name, version),
            decode=v2_json.decode,
            encode=lambda model, _, request: v2_json.encode(model, model.infer(request)),
        )

    async def _predict(self, scope: Scope, transport: Transport, name: str | None) -> Reply:
        _require(scope, "POST")
        return await self._measured(
            scope,
            transport,
            find=lambda body: self._repository.get(name) if name is not None else _named(self._repository, body),
            decode=lambda body, model: predict.decode(v2_json.parse_object(body), model),
            encode=_encode_prediction,
        )

    async def _measured(
        self,
        scope: Scope,
        transport: Transport,
        *,
        find: Callable[[bytes], ServedModel],
        decode: Callable[[bytes, ServedModel], InferenceRequest],
        encode: Callable[[ServedModel, bytes, InferenceRequest], bytes],
    ) -> Reply:
        start = time.perf_counter()
        served = ""
        status = int(Fault.INTERNAL)
        try:
            body = await self._body(scope, transport)
            model = find(body)
            served = model.name
            answer = await self._compute(body, model, decode, encode)
            status = 200
        except RequestError as error:
            status = error.fault
            raise
        finally:
            self._metrics.record(served, status, time.perf_counter() - start)
        return status, answer

    async def _compute(
        self,
        body: bytes,
        model: ServedModel,
        decode: Callable[[bytes, ServedModel], InferenceRequest],
        encode: Callable[[ServedModel, bytes, InferenceRequest], bytes],
    ) -> bytes:
        if len(body) > _INLINE_BYTES:
            run = asyncio.get_running_loop().run_in_executor
            return await run(self._executor, lambda: encode(model, body, decode(body, model)))
        request = decode(body, model)
        if model.cost.estimate(request) > _INLINE_SECONDS:
            return await asyncio.get_running_loop().run_in_executor(self._executor, encode, model, body, request)
        return encode(model, body, request)

    async def _body(self, scope: Scope, transport: Transport) -> bytes:
        """Read the body, refusing one that is too large before or while it is read."""
        if scope.headers.get("content-encoding", "identity") != "identity":
            raise RequestError(Fault.UNSUPPORTED, "compressed bodies are not supported; send plain JSON")
        if scope.headers.get(_BINARY_HEADER) is not None:
            raise RequestError(
                Fault.UNSUPPORTED, 'binary tensors are not supported; send JSON (clients: "binary_data": false)'
            )
        declared = scope.headers.get("content-length")
        if declared is not None:
            if int(declared) > self._max_body:
                raise self._too_large()
            return await transport()
        chunks = bytearray()
        async for chunk in transport:
            chunks += chunk
            if len(chunks) > self._max_body:
                raise self._too_large()
        return bytes(chunks)

    def _too_large(self) -> RequestError:
        return RequestError(Fault.TOO_LARGE, f"the body is larger than {self._max_body} bytes; send fewer rows at once")


def _named(repository: ModelRepository, body: bytes) -> ServedModel:
    name = v2_json.parse_object(body).get("model") if b'"model"' in body else None
    if name is None:
        return repository.only()
    if not isinstance(name, str):
        raise BadInput('"model" must be the name of a model')
    return repository.get(name)


def _encode_prediction(model: ServedModel, body: bytes, request: InferenceRequest) -> bytes:
    wanted = v2_json.parse_object(body).get("probabilities", False) if b'"probabilities"' in body else False
    if not isinstance(wanted, bool):
        raise BadInput('"probabilities" must be true or false')
    return predict.encode(model, model.infer(request), probabilities=wanted)


def _server_metadata() -> bytes:
    # Imported late: it costs as much as the whole event loop, and few ask.
    from importlib.metadata import version

    return orjson.dumps({"name": "slipway-serve", "version": version("slipway"), "extensions": []})


def _require(scope: Scope, method: str) -> None:
    if scope.method != method:
        raise RequestError(Fault.WRONG_METHOD, f"{scope.path} takes {method}, not {scope.method}")


def _error(message: str) -> bytes:
    return orjson.dumps({"error": message})
