"""A request for an inference over HTTP, and its answer."""

import logging
from time import perf_counter

from slipway_runtime.serve.engine import InferenceRequest, InferenceResponse
from slipway_runtime.serve.errors import BadInput, Fault, RequestError
from slipway_runtime.serve.exchange import Exchange
from slipway_runtime.serve.http.codecs import Encode, Target
from slipway_runtime.serve.http.encodings import compressed, encoded, plain_body
from slipway_runtime.serve.http.messages import Client, Request, Response, error_body
from slipway_runtime.serve.inferences import Inferences
from slipway_runtime.serve.model import ServedModel
from slipway_runtime.serve.protocols import v2_json
from slipway_runtime.serve.repository import Phase

_log = logging.getLogger(__name__)

# Below this a body is parsed on the event loop: handing it to a thread costs more CPU than it saves.
_INLINE_BYTES = 16 * 1024
# What an element takes in a body, roughly: for the cost of one that is not parsed yet.
_ELEMENT_BYTES = 8
# A client that has sent all may close its side and still read; one that has waited in line for longer is taken as gone.
_GONE_SECONDS = 0.05


class HttpExchange(Exchange):
    """See ``Exchange``; the answer goes to ``client.respond``."""

    __slots__ = ("_client", "_encode", "_max_body", "_repository", "_request", "_response", "_target")

    _encode: Encode
    _response: Response

    def __init__(self, inferences: Inferences, max_body: int, request: Request, client: Client, target: Target) -> None:
        """Take a request whose path named ``target``; a body may hold ``max_body`` bytes once it is decompressed."""
        size = len(request.body)
        super().__init__(inferences.accounts, request.path, size, heavy=size > _INLINE_BYTES or compressed(request))
        self._repository = inferences.repository
        self._max_body = max_body
        self._request = request
        self._client = client
        self._target = target

    def estimate(self) -> float:
        """See ``Exchange.estimate``."""
        name = self._target.model
        repository = self._repository
        if name is None and len(repository.names) > 1:
            return 0.0
        model = repository.get(name, self._target.version) if name else repository.only()
        return model.cost.of_elements(self.size // _ELEMENT_BYTES)

    def read(self) -> InferenceRequest:
        """See ``Exchange.read``; remembers how to write the answer."""
        request, target = self._request, self._target
        body = plain_body(request, self._max_body) if self.heavy else request.body
        if target.model is None:
            self.model = model = self._named_by(body)
        else:
            self.model = model = self._repository.get(target.model, target.version)
        self.served = model.name
        inference, self._encode = target.decode(request, body, model)
        return inference

    def write(self, answer: InferenceResponse) -> None:
        """See ``Exchange.write``."""
        response = self._encode(self.model, answer)
        self._response = encoded(self._request, response) if b"accept-encoding" in self._request.headers else response

    def send(self) -> None:
        """See ``Exchange.send``."""
        response = self._response
        if self._repository.phase is Phase.DRAINING:
            response = response._replace(close=True)
        self._client.respond(response)

    def fail(self, error: Exception) -> None:
        """See ``Exchange.fail``."""
        self._client.respond(failure(self._request, error, closes=self._repository.phase is Phase.DRAINING))

    def abandoned(self) -> RequestError | None:
        """See ``Exchange.abandoned``."""
        if self._client.gone and perf_counter() - self.begun > _GONE_SECONDS:
            return RequestError(Fault.CANCELLED, "the client went away before its turn came")
        return None

    def _named_by(self, body: bytes) -> ServedModel:
        """The model that a body names, or the only one."""
        name = v2_json.parse_object(body).get("model") if b'"model"' in body else None
        if name is None:
            return self._repository.only()
        if not isinstance(name, str):
            raise BadInput('"model" must be the name of a model')
        return self._repository.get(name)


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
