"""Routes: requests of the Open Inference Protocol, ``/predict`` and ``/metrics``, each answered by one call."""

from concurrent.futures import Executor

import orjson

from slipway_runtime.serve import v2_json
from slipway_runtime.serve.connections import Connections
from slipway_runtime.serve.errors import Fault, RequestError
from slipway_runtime.serve.inferences import Inferences, failure, inference_at
from slipway_runtime.serve.messages import JSON, OK, Request, Respond, Response, error_body
from slipway_runtime.serve.metrics import Metrics
from slipway_runtime.serve.repository import ModelRepository, Phase

_TEXT = "text/plain; version=0.0.4; charset=utf-8"


class HttpApplication:
    """An ``http1.Application``; all of its state is changed on the event loop only."""

    def __init__(
        self,
        repository: ModelRepository,
        metrics: Metrics,
        executor: Executor,
        connections: Connections,
        *,
        max_body: int,
    ) -> None:
        """Serve ``repository``; inferences that would hold up the event loop run in ``executor``."""
        self._repository = repository
        self._metrics = metrics
        self._connections = connections
        self._max_body = max_body
        self._inferences = Inferences(repository, metrics, executor)

    def handle(self, request: Request, respond: Respond) -> None:
        """Answer one request; every answer of status 400 and above is ``{"error": …}``."""
        target = inference_at(request.path)
        if target is None or request.method != "POST":
            respond(self._described(request))
        else:
            self._inferences.begin(request, respond, target)

    def refuse(self, fault: Fault) -> Response:
        """See ``http1.Application.refuse``."""
        self._metrics.record("", fault, 0.0)
        message = f"the body is larger than {self._max_body} bytes; send fewer rows at once"
        return Response(fault, error_body(message), close=True)

    def _described(self, request: Request) -> Response:
        try:
            if inference_at(request.path) is not None:
                _require(request, "POST")
            return self._describe(request, request.path.split("/")[1:])
        except Exception as error:  # noqa: BLE001 - a bug must not leave a client without an answer
            return failure(request, error, closes=self._repository.phase is Phase.DRAINING)

    def _describe(self, request: Request, parts: list[str]) -> Response:
        status, content_type = OK, JSON
        match parts:
            case ["v2", "health", "live"]:
                body = b'{"live":true}'
            case ["v2", "health", "ready"]:
                status, body = self._ready()
            case ["v2"] | ["v2", ""]:
                body = _server_metadata()
            case ["v2", "models", name] | ["v2", "models", name, ""]:
                body = v2_json.metadata(self._repository.get(name))
            case ["v2", "models", name, "versions", version]:
                body = v2_json.metadata(self._repository.get(name, version))
            case ["v2", "models", name, "ready"]:
                body = self._model_ready(name, None)
            case ["v2", "models", name, "versions", version, "ready"]:
                body = self._model_ready(name, version)
            case ["metrics"]:
                content_type, body = _TEXT, self._render_metrics()
            case _:
                raise RequestError(
                    Fault.NOT_FOUND,
                    f"no such path: {request.path}; the Open Inference Protocol is under /v2, rows go to /predict",
                )
        _require(request, "GET")
        return Response(status, body, content_type, close=self._repository.phase is Phase.DRAINING)

    def _ready(self) -> tuple[int, bytes]:
        phase = self._repository.phase
        if phase is Phase.SERVING:
            return 200, b'{"ready":true}'
        return Fault.UNAVAILABLE, orjson.dumps({"ready": False, "error": f"not ready: {phase}"})

    def _model_ready(self, name: str, version: str | None) -> bytes:
        model = self._repository.get(name, version)
        return orjson.dumps({"name": model.name, "ready": True})

    def _render_metrics(self) -> bytes:
        ready = self._repository.phase is Phase.SERVING
        return self._metrics.render(ready=ready, in_flight=self._connections.in_flight).encode()


def _server_metadata() -> bytes:
    # Imported late: it costs as much as the whole event loop, and few ask.
    from importlib.metadata import version

    return orjson.dumps({"name": "slipway-serve", "version": version("slipway"), "extensions": []})


def _require(request: Request, method: str) -> None:
    if request.method != method:
        raise RequestError(Fault.WRONG_METHOD, f"{request.path} takes {method}, not {request.method}")
