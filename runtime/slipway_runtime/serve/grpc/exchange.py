"""A request for an inference over gRPC, and its answer."""

import asyncio
from collections.abc import Sequence
from time import perf_counter

from slipway_runtime.serve.engine import InferenceRequest, InferenceResponse
from slipway_runtime.serve.errors import Fault, RequestError
from slipway_runtime.serve.exchange import Exchange
from slipway_runtime.serve.grpc import wire
from slipway_runtime.serve.grpc.codec import Form, parsed, read, write
from slipway_runtime.serve.grpc.inference_pb2 import ModelInferRequest
from slipway_runtime.serve.grpc.usual import UsualRequests
from slipway_runtime.serve.inferences import Inferences

# Below this a message is parsed on the event loop: even one of typed elements takes less than a millisecond.
_INLINE_BYTES = 64 * 1024
# What an element takes in a message, roughly: for the cost of one that is not parsed yet.
_ELEMENT_BYTES = 4


METHOD = "/inference.GRPCInferenceService/ModelInfer"


class GrpcExchange(Exchange):
    """See ``Exchange``; ``reply`` becomes the answer's bytes, or the error. Who cancels it wants no answer any more."""

    __slots__ = ("_answer", "_deadline", "_form", "_message", "_repository", "_usual", "id", "reply")

    _answer: bytes
    _form: Form

    def __init__(self, inferences: Inferences, usual: UsualRequests, message: bytes, remaining: float | None) -> None:
        """Take a message whose answer is wanted within ``remaining`` seconds; None: whenever it comes."""
        super().__init__(inferences.accounts, METHOD, len(message), heavy=len(message) > _INLINE_BYTES)
        self._repository = inferences.repository
        self._usual = usual
        self._message = message
        self._deadline = None if remaining is None else self.begun + remaining
        self.id = ""
        self.reply: asyncio.Future[bytes | Exception] = asyncio.get_running_loop().create_future()

    def estimate(self) -> float:
        """See ``Exchange.estimate``."""
        name = wire.model_name(self._message)
        return self._repository.get(name).cost.of_elements(self.size // _ELEMENT_BYTES) if name else 0.0

    def read(self) -> InferenceRequest:
        """See ``Exchange.read``; remembers how to write the answer."""
        if error := self.abandoned():
            raise error
        if self.heavy:
            return self._read_heavy()
        found = self._usual.find(self._message)
        if found is not None:
            usual, inference = found
            self.model, self._form = usual.model, usual.form
            self.served = usual.model.name
            return inference
        message = parsed(ModelInferRequest, self._message)
        inference = self._read(message, message.raw_input_contents)
        self._usual.remember(self._message, message, self.model, inference, self._form)
        return inference

    def _read_heavy(self) -> InferenceRequest:
        """In a thread; a large tensor is not copied."""
        parts = wire.parted(self._message)
        if parts is None:
            message = parsed(ModelInferRequest, self._message)
            return self._read(message, message.raw_input_contents)
        head, tensors = parts
        return self._read(parsed(ModelInferRequest, head), tensors)

    def _read(self, message: ModelInferRequest, tensors: Sequence[bytes | memoryview]) -> InferenceRequest:
        self.id = message.id
        self.model = model = self._repository.get(message.model_name, message.model_version or None)
        self.served = model.name
        inference, self._form = read(message, tensors, model)
        return inference

    def write(self, answer: InferenceResponse) -> None:
        """See ``Exchange.write``."""
        self._answer = write(self.model, answer, self._form)

    def send(self) -> None:
        """See ``Exchange.send``."""
        self._reply(self._answer)

    def fail(self, error: Exception) -> None:
        """See ``Exchange.fail``."""
        self._reply(error)

    def abandoned(self) -> RequestError | None:
        """See ``Exchange.abandoned``."""
        if self._deadline is not None and perf_counter() > self._deadline:
            return RequestError(Fault.TOO_LATE, "its deadline passed before its turn came")
        if self.reply.cancelled():
            return RequestError(Fault.CANCELLED, "the client cancelled it before its turn came")
        return None

    def _reply(self, answer: bytes | Exception) -> None:
        if not self.reply.done():
            self.reply.set_result(answer)
