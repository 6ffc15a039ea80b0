"""How gRPC spells what went wrong."""

import logging
from typing import Any, NoReturn

import grpc

from slipway_runtime.serve.errors import Fault, RequestError

STATUSES = {
    Fault.BAD_INPUT: grpc.StatusCode.INVALID_ARGUMENT,
    Fault.UNAUTHENTICATED: grpc.StatusCode.UNAUTHENTICATED,
    Fault.FORBIDDEN: grpc.StatusCode.PERMISSION_DENIED,
    Fault.NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    Fault.WRONG_METHOD: grpc.StatusCode.UNIMPLEMENTED,
    Fault.TOO_LARGE: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Fault.UNSUPPORTED: grpc.StatusCode.INVALID_ARGUMENT,
    Fault.TOO_MANY: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Fault.CANCELLED: grpc.StatusCode.CANCELLED,
    Fault.INTERNAL: grpc.StatusCode.INTERNAL,
    Fault.UNIMPLEMENTED: grpc.StatusCode.UNIMPLEMENTED,
    Fault.UNAVAILABLE: grpc.StatusCode.UNAVAILABLE,
    Fault.TOO_LATE: grpc.StatusCode.DEADLINE_EXCEEDED,
}
RETRY_AFTER = "retry-after"
"""Trailing metadata of a refusal that passes: the seconds after which to try again."""

Context = grpc.aio.ServicerContext[Any, Any]
# Details travel in a header, and clients refuse large ones: a name of a megabyte must not hide what is wrong with it.
_LONGEST_DETAILS = 1000

_log = logging.getLogger(__name__)


async def refuse(context: Context, error: Exception) -> NoReturn:
    """End a call with the status for ``error``.

    Raises:
        grpc.aio.AbortError: always; it is how a call ends.
    """
    status, words = told(error)
    seconds = error.retry_after if isinstance(error, RequestError) else None
    trailing = () if seconds is None else ((RETRY_AFTER, str(seconds)),)
    await context.abort(status, words, trailing)


def told(error: Exception) -> tuple[grpc.StatusCode, str]:
    """Status and words for ``error``; one that is no RequestError is a bug, and its details go to the log."""
    if isinstance(error, RequestError):
        words = str(error)
        return STATUSES[error.fault], words if len(words) <= _LONGEST_DETAILS else f"{words[:_LONGEST_DETAILS]}…"
    _log.error("request failed", exc_info=error)
    return grpc.StatusCode.INTERNAL, "the server failed; its log has the details"
