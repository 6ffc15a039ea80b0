"""Routes: what each path answers."""

import asyncio
from collections.abc import Awaitable

import orjson

from slipway_runtime.serve.administration import Administration
from slipway_runtime.serve.auth import ApiKeys
from slipway_runtime.serve.errors import Fault, RequestError
from slipway_runtime.serve.http.codecs import inference_at
from slipway_runtime.serve.http.connections import Connections
from slipway_runtime.serve.http.exchange import HttpExchange, failure
from slipway_runtime.serve.http.messages import JSON, OK, Client, Request, Response, error_body
from slipway_runtime.serve.inferences import Inferences
from slipway_runtime.serve.protocols.described import model_config, model_metadata, repository_index, server_metadata
from slipway_runtime.serve.protocols.v2_json import parse_object
from slipway_runtime.serve.repository import ModelRepository, Phase

_TEXT = "text/plain; version=0.0.4; charset=utf-8"
_HTML = "text/html; charset=utf-8"
_OPEN = ("/v2/health/", "/metrics")
# Parts of Triton's protocol that clients may ask for and that are not here.
_ELSEWHERE = {"systemsharedmemory", "cudasharedmemory", "trace", "logging"}


class HttpApplication:
    """A ``connection.Application``; all of its state is changed on the event loop only."""

    def __init__(
        self,
        repository: ModelRepository,
        inferences: Inferences,
        connections: Connections,
        administration: Administration,
        *,
        max_body: int,
        keys: ApiKeys | None,
    ) -> None:
        """Serve ``repository``, whose models requests may change by ``administration``; of ``keys``, they need one."""
        self._repository = repository
        self._inferences = inferences
        self._connections = connections
        self._administration = administration
        self._max_body = max_body
        self._keys = keys
        self._tasks: set[asyncio.Task[None]] = set()

    def handle(self, request: Request, client: Client) -> None:
        """Answer one request; every answer of status 400 and above is ``{"error": …}``."""
        if self._keys is not None and (refused := self._refused(request, self._keys)):
            client.respond(refused)
            return
        target = inference_at(request.path)
        if target is None or request.method != "POST":
            self._describe(request, client)
        else:
            self._inferences.begin(HttpExchange(self._inferences, self._max_body, request, client, target))

    def refuse(self, fault: Fault) -> Response:
        """See ``connection.Application.refuse``."""
        self._inferences.accounts.metrics.record("", fault, 0.0)
        message = f"the body is larger than {self._max_body} bytes; send fewer rows at once"
        return Response(fault, error_body(message), close=True)

    def _refused(self, request: Request, keys: ApiKeys) -> Response | None:
        """The refusal of a request without a key; probes and Prometheus need none."""
        if request.path.startswith(_OPEN):
            return None
        given = (request.headers.get(name) for name in (b"authorization", b"x-api-key"))
        try:
            keys.check(*(value.decode(errors="replace") if value is not None else None for value in given))
        except RequestError as error:
            self._inferences.accounts.metrics.record("", error.fault, 0.0)
            return self._failed(request, error)
        return None

    def _describe(self, request: Request, client: Client) -> None:
        try:
            if inference_at(request.path) is not None:
                _require(request, "POST")
            match request.path.split("/")[1:]:
                case ["v2", "repository", "models", name, "load"]:
                    self._change(request, client, self._load(request, name))
                case ["v2", "repository", "models", name, "unload"]:
                    self._change(request, client, self._unload(request, name))
                case parts:
                    client.respond(self._told(request, parts))
        except Exception as error:  # noqa: BLE001 - a bug must not leave a client without an answer
            client.respond(self._failed(request, error))

    def _told(self, request: Request, parts: list[str]) -> Response:
        if parts == ["v2", "repository", "index"]:
            _require(request, "POST")
            return self._response(self._index(request))
        told = self._protocol(request, parts) or self._surroundings(request, parts)
        if told is None:
            raise _no_such_path(request)
        _require(request, "GET")
        return told if isinstance(told, Response) else self._response(told)

    def _protocol(self, request: Request, parts: list[str]) -> bytes | Response | None:  # noqa: PLR0911 - a table of paths
        """What the Open Inference Protocol and V1 tell by GET."""
        match parts:
            case ["v2", "health", "live"]:
                return b'{"live":true}'
            case ["v2", "health", "ready"]:
                return self._ready()
            case ["v2"] | ["v2", ""]:
                return orjson.dumps(server_metadata(admin=self._administration.allowed))
            case ["v2", "models", "stats"]:
                return self._statistics(None, None)
            case ["v2", "models", name, "versions", version, *rest]:
                return self._model(name, version, rest, request)
            case ["v2", "models", name, *rest]:
                return self._model(name, None, rest, request)
            case ["v2" | "v1", "models"]:
                return orjson.dumps({"models": self._repository.names})
            case ["v1", "models", name]:
                return orjson.dumps({"name": self._repository.get(name).name, "ready": True})
            case ["v2", part, *_] if part in _ELSEWHERE:
                raise RequestError(Fault.UNIMPLEMENTED, f"{request.path}: this server has no {part} extension")
        return None

    def _surroundings(self, request: Request, parts: list[str]) -> Response | None:
        """What is there for people and for Prometheus."""
        match parts:
            case ["metrics"]:
                return self._response(self._render_metrics(), content_type=_TEXT)
            case ["openapi.json"]:
                return self._response(orjson.dumps(self._openapi()))
            case [""] if b"text/html" not in request.headers.get(b"accept", b""):
                # No browser: by this path V1 clients ask whether the server lives.
                return self._response(b'{"status":"alive"}')
            case [""] | ["docs"]:
                return self._response(self._page(), content_type=_HTML)
        return None

    def _model(self, name: str, version: str | None, rest: list[str], request: Request) -> bytes:
        model = self._repository.get(name, version)
        match rest:
            case [] | [""]:
                return orjson.dumps(model_metadata(model))
            case ["ready"]:
                return orjson.dumps({"name": model.name, "ready": True})
            case ["config"]:
                return orjson.dumps(model_config(model))
            case ["stats"]:
                return self._statistics(name, version)
        raise _no_such_path(request)

    def _ready(self) -> Response:
        phase = self._repository.phase
        if phase is Phase.SERVING:
            return self._response(b'{"ready":true}')
        return self._response(orjson.dumps({"ready": False, "error": f"not ready: {phase}"}), Fault.UNAVAILABLE)

    def _statistics(self, name: str | None, version: str | None) -> bytes:
        models = self._repository.loaded() if name is None else (self._repository.get(name, version),)
        return orjson.dumps({"model_stats": [one.statistics.told(one.name, one.version) for one in models]})

    def _index(self, request: Request) -> bytes:
        document = parse_object(request.body) if request.body else {}
        return orjson.dumps(repository_index(self._repository.index(only_ready=document.get("ready") is True)))

    def _change(self, request: Request, client: Client, change: Awaitable[None]) -> None:
        """Answer when a model has been loaded or unloaded."""

        async def run() -> None:
            try:
                await change
            except Exception as error:  # noqa: BLE001 - answered
                client.respond(self._failed(request, error))
            else:
                client.respond(self._response(b"{}"))

        task = asyncio.get_running_loop().create_task(run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _load(self, request: Request, name: str) -> None:
        _require(request, "POST")
        await self._administration.load(name, _parameters(request))

    async def _unload(self, request: Request, name: str) -> None:
        _require(request, "POST")
        _parameters(request)
        self._administration.unload(name)

    def _openapi(self) -> dict[str, object]:
        from slipway_runtime.serve.http.openapi import document

        return document(self._repository.loaded(), admin=self._administration.allowed)

    def _page(self) -> bytes:
        from slipway_runtime.serve.http.page import page

        return page(self._openapi()).encode()

    def _render_metrics(self) -> bytes:
        return self._inferences.accounts.metrics.render(
            self._repository.loaded(),
            ready=self._repository.phase is Phase.SERVING,
            in_flight=self._connections.in_flight + self._inferences.calls,
            waiting=self._inferences.admission.waiting,
        ).encode()

    def _response(self, body: bytes, status: int = OK, content_type: str = JSON) -> Response:
        return Response(status, body, content_type, close=self._repository.phase is Phase.DRAINING)

    def _failed(self, request: Request, error: Exception) -> Response:
        return failure(request, error, closes=self._repository.phase is Phase.DRAINING)


def _require(request: Request, method: str) -> None:
    if request.method != method and not (method == "GET" and request.method == "HEAD"):
        raise RequestError(Fault.WRONG_METHOD, f"{request.path} takes {method}, not {request.method}")


def _no_such_path(request: Request) -> RequestError:
    return RequestError(
        Fault.NOT_FOUND,
        f"no such path: {request.path}; the Open Inference Protocol is under /v2, rows go to /predict, all is at /docs",
    )


def _parameters(request: Request) -> dict[str, object]:
    document = parse_object(request.body) if request.body else {}
    parameters = document.get("parameters") or {}
    if not isinstance(parameters, dict):
        raise RequestError(Fault.BAD_INPUT, '"parameters" must be an object')
    return parameters
