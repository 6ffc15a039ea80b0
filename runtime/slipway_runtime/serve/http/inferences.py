"""Inferences on their way from a request's body to its answer: parsed, checked, batched, counted."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Executor
from time import perf_counter

from slipway_runtime.serve.access_log import AccessLog
from slipway_runtime.serve.admission import Admission
from slipway_runtime.serve.batching import Answer, Batcher, run_alone
from slipway_runtime.serve.engine import InferenceRequest, InferenceResponse
from slipway_runtime.serve.errors import BadInput, Fault, RequestError
from slipway_runtime.serve.http.codecs import Encode, Target
from slipway_runtime.serve.http.encodings import compressed, encoded, plain_body
from slipway_runtime.serve.http.messages import Client, Request, Response, error_body
from slipway_runtime.serve.metrics import Metrics
from slipway_runtime.serve.model import INLINE_SECONDS, ServedModel
from slipway_runtime.serve.protocols import v2_json
from slipway_runtime.serve.protocols.v2_request import TIMEOUT
from slipway_runtime.serve.repository import ModelRepository, Phase

_log = logging.getLogger(__name__)

# Below this a body is parsed on the event loop: handing it to a thread costs more CPU than it saves.
_INLINE_BYTES = 16 * 1024
# What an element takes in a body, roughly: for the cost of one that is not parsed yet.
_ELEMENT_BYTES = 8
_MICROSECONDS = 1e-6
# A client that has sent all may close its side and still read; one that has waited in line for longer is taken as gone.
_GONE_SECONDS = 0.05


class Inferences:
    """Begins inferences; used on the event loop only."""

    def __init__(
        self,
        repository: ModelRepository,
        metrics: Metrics,
        executor: Executor,
        admission: Admission,
        *,
        max_body: int,
        access_log: AccessLog | None = None,
    ) -> None:
        """Count in ``metrics``; what would hold up the event loop runs in ``executor``, if ``admission`` lets it."""
        self.repository = repository
        self.metrics = metrics
        self.admission = admission
        self._executor = executor
        self._max_body = max_body
        self._access_log = access_log
        self._batcher = Batcher()

    def begin(self, request: Request, client: Client, target: Target) -> None:
        """Answer ``request`` by one call of ``client.respond``, now or later; whatever fails is an answer too."""
        exchange = _Exchange(self, request, client, target)
        try:
            if len(request.body) > _INLINE_BYTES or compressed(request):
                self._in_pool(exchange, self._estimate(exchange), self._whole)
                return
            inference = exchange.decode(request.body)
            cost = exchange.model.cost.estimate(inference)
            if cost > INLINE_SECONDS:
                self._in_pool(exchange, cost, lambda waiting: waiting.run(inference))
            else:
                self._batcher.add(exchange.model, inference, exchange.finish)
        except Exception as error:  # noqa: BLE001 - a bug must not leave a client without an answer
            exchange.refuse(error)

    def ended(self, request: Request, model: str, response: Response, seconds: float) -> None:
        """Count a request that is answered."""
        self.metrics.record(model, response.status, seconds)
        if self._access_log is not None:
            size, sent = len(request.body), len(response.body)
            self._access_log.note(model, request.path, response.status, seconds=seconds, received=size, sent=sent)

    def find(self, target: Target, body: bytes) -> ServedModel:
        """The model that a request asks.

        Raises:
            RequestError: there is none such, or it does not answer now.
        """
        if target.model is not None:
            return self.repository.get(target.model, target.version)
        name = v2_json.parse_object(body).get("model") if b'"model"' in body else None
        if name is None:
            return self.repository.only()
        if not isinstance(name, str):
            raise BadInput('"model" must be the name of a model')
        return self.repository.get(name)

    def _estimate(self, exchange: "_Exchange") -> float:
        """Seconds that a request will take whose body is not read yet; where the model is not known yet, none."""
        name = exchange.target.model
        if name is None and len(self.repository.names) > 1:
            return 0.0
        model = self.repository.get(name, exchange.target.version) if name else self.repository.only()
        return model.cost.of_elements(len(exchange.request.body) // _ELEMENT_BYTES)

    def _whole(self, exchange: "_Exchange") -> None:
        """Read and run a request in a thread."""
        exchange.run(exchange.decode(plain_body(exchange.request, self._max_body)))

    def _in_pool(self, exchange: "_Exchange", seconds: float, work: Callable[["_Exchange"], None]) -> None:
        size = len(exchange.request.body)
        self.admission.enter(seconds, size)

        def run() -> Exception | None:
            if exchange.client.gone and perf_counter() - exchange.begun > _GONE_SECONDS:
                return RequestError(Fault.CANCELLED, "the client went away before its turn came")
            try:
                work(exchange)
            except Exception as error:  # noqa: BLE001 - answered below
                return error
            return None

        def ended(done: asyncio.Future[Exception | None]) -> None:
            self.admission.leave(seconds, size)
            error = done.result()
            if error is None:
                exchange.answer_from_pool()
            else:
                exchange.refuse(error)

        asyncio.get_running_loop().run_in_executor(self._executor, run).add_done_callback(ended)


class _Exchange:
    """One request and what becomes of it."""

    __slots__ = (
        "_encode",
        "_inferences",
        "_response",
        "_times",
        "begun",
        "client",
        "decoded",
        "model",
        "request",
        "served",
        "target",
    )

    model: ServedModel
    _encode: Encode
    _response: Response
    _times: tuple[int, float, float, float]

    def __init__(self, inferences: Inferences, request: Request, client: Client, target: Target) -> None:
        self.begun = perf_counter()
        self._inferences = inferences
        self.request = request
        self.client = client
        self.target = target
        self.served = ""

    def decode(self, body: bytes) -> InferenceRequest:
        """Read the body, and remember which model it is for and how to write the answer."""
        self.model = model = self._inferences.find(self.target, body)
        self.served = model.name
        inference, self._encode = self.target.decode(self.request, body, model)
        self.decoded = perf_counter()
        return inference

    def run(self, inference: InferenceRequest) -> None:
        """Run alone, in a thread, and write the answer there too."""
        self._in_time(inference)
        started = perf_counter()
        answer, rows = run_alone(self.model, inference)
        inferred = perf_counter()
        if isinstance(answer, Exception):
            raise answer
        self._response = encoded(self.request, self._encode(self.model, answer))
        self._times = (rows, started, inferred, perf_counter())

    def answer_from_pool(self) -> None:
        """Send what ``run`` has written."""
        rows, started, inferred, written = self._times
        self.model.statistics.executed(rows, inferred - started)
        self._send(self._response, started, inferred, written)

    def finish(self, answer: Answer, started: float, inferred: float) -> None:
        """Write and send what the batcher answers."""
        if isinstance(answer, InferenceResponse):
            try:
                response = self._encode(self.model, answer)
                if b"accept-encoding" in self.request.headers:
                    response = encoded(self.request, response)
            except Exception as error:  # noqa: BLE001 - a bug must not leave a client without an answer
                self.refuse(error)
            else:
                self._send(response, started, inferred, perf_counter())
        else:
            self.refuse(answer)

    def refuse(self, error: Exception) -> None:
        """Answer that it failed."""
        inferences = self._inferences
        response = failure(self.request, error, closes=inferences.repository.phase is Phase.DRAINING)
        seconds = perf_counter() - self.begun
        if self.served:
            self.model.statistics.fail.add(seconds)
        inferences.ended(self.request, self.served, response, seconds)
        self.client.respond(response)

    def _in_time(self, inference: InferenceRequest) -> None:
        limit = float(inference.parameters.get(TIMEOUT, 0)) * _MICROSECONDS
        waited = perf_counter() - self.begun
        if limit and waited > limit:
            raise RequestError(Fault.TOO_LATE, f"its turn came after {waited:.3f} s, later than its timeout")

    def _send(self, response: Response, started: float, inferred: float, written: float) -> None:
        inferences = self._inferences
        if inferences.repository.phase is Phase.DRAINING:
            response = response._replace(close=True)
        inferences.ended(self.request, self.served, response, written - self.begun)
        self.model.statistics.answered(
            begun=self.begun, decoded=self.decoded, started=started, inferred=inferred, written=written
        )
        self.client.respond(response)


def failure(request: Request, error: Exception, *, closes: bool) -> Response:
    """Word ``error`` for a client; one that is no RequestError is a bug, and its details go to the log."""
    if isinstance(error, RequestError):
        headers = b""
        if error.fault is Fault.WRONG_METHOD:
            headers = b"allow: POST\r\n" if request.method in ("GET", "HEAD") else b"allow: GET\r\n"
        elif error.fault is Fault.UNAUTHENTICATED:
            headers = b"www-authenticate: Bearer\r\n"
        elif error.retry_after is not None:
            headers = b"retry-after: %d\r\n" % error.retry_after
        return Response(error.fault, error_body(str(error)), headers=headers, close=closes)
    _log.error("request failed", exc_info=error, extra={"method": request.method, "path": request.path})
    return Response(Fault.INTERNAL, error_body("the server failed; its log has the details"), close=closes)
