"""Which method of which service answers what."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import grpc
from google.protobuf.message import Message

from slipway_runtime.serve.auth import ApiKeys
from slipway_runtime.serve.errors import RequestError
from slipway_runtime.serve.grpc.codec import parsed
from slipway_runtime.serve.grpc.statuses import Context, refuse

if TYPE_CHECKING:
    # Generic to the type checker only.
    Handler = grpc.RpcMethodHandler[Any, Any]
else:
    Handler = grpc.RpcMethodHandler
_OPEN = "/grpc.health.v1.Health/"
_RequestT = TypeVar("_RequestT", bound=Message)
_UNARY = Callable[[bytes, Context], Awaitable[bytes]]
_STREAM = Callable[[AsyncIterator[bytes], Context], AsyncIterator[bytes]]


class Methods(grpc.GenericRpcHandler):
    """Finds the handler of a call with one look, whatever its service."""

    def __init__(self, handlers: Mapping[str, Handler], keys: ApiKeys | None) -> None:
        """Answer ``handlers``, by full name: ``/package.Service/Method``; of ``keys``, all but health needs one."""
        self._handlers = handlers
        self._keys = keys

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Handler | None:
        """Handler of a call; None: it is UNIMPLEMENTED."""
        method = handler_call_details.method
        if self._keys is not None and not method.startswith(_OPEN):
            given = {key: str(value) for key, value in handler_call_details.invocation_metadata or ()}
            try:
                self._keys.check(given.get("authorization"), given.get("x-api-key"))
            except RequestError as error:
                return _refusal(error)
        return self._handlers.get(method)


def _refusal(error: RequestError) -> Handler:
    async def answer(_: AsyncIterator[bytes], context: Context) -> bytes:
        await refuse(context, error)

    # A call of one message is to the wire a stream of one.
    return grpc.stream_unary_rpc_method_handler(answer)


def unary(answer: _UNARY) -> Handler:
    """A call of one message and one answer, both as bytes: whoever answers parses, and so words what is undecodable."""
    return grpc.unary_unary_rpc_method_handler(answer)


def stream(answer: _STREAM) -> Handler:
    """A call of many messages and many answers, as bytes."""
    return grpc.stream_stream_rpc_method_handler(answer)


def described(kind: type[_RequestT], tell: Callable[[_RequestT], Message | Awaitable[Message]]) -> Handler:
    """A call that ``tell`` answers; what it raises becomes the call's status."""

    async def answer(content: bytes, context: Context) -> bytes:
        try:
            told = tell(parsed(kind, content))
            message = told if isinstance(told, Message) else await told
        except Exception as error:  # noqa: BLE001 - a bug must not leave a client without an answer
            await refuse(context, error)
        return message.SerializeToString()

    return unary(answer)
