"""What can go wrong with a request or a model, without saying how a protocol spells it."""

from enum import IntEnum


class Fault(IntEnum):
    """Kind of a refused request; the value is its HTTP status."""

    BAD_INPUT = 400
    UNAUTHENTICATED = 401
    FORBIDDEN = 403
    NOT_FOUND = 404
    WRONG_METHOD = 405
    TOO_LARGE = 413
    UNSUPPORTED = 415
    TOO_MANY = 429
    CANCELLED = 499
    INTERNAL = 500
    UNIMPLEMENTED = 501
    UNAVAILABLE = 503
    TOO_LATE = 504


class RequestError(Exception):
    """A request that cannot be answered; the message says what was expected."""

    def __init__(self, fault: Fault, message: str, retry_after: int | None = None) -> None:
        """Keep the kind of refusal beside its message, and the seconds after which to try again."""
        super().__init__(message)
        self.fault = fault
        self.retry_after = retry_after


class BadInput(RequestError):
    """The request's content does not fit the protocol or the model."""

    def __init__(self, message: str) -> None:
        """Refuse with the kind ``BAD_INPUT``."""
        super().__init__(Fault.BAD_INPUT, message)


class ConfigInvalid(Exception):
    """What was asked of the process cannot be done; trying again changes nothing.

    Not a ``ConfigError`` of ``slipway_runtime.run``, because that brings pydantic: a third of the time to readiness.
    """


class ModelLoadError(ConfigInvalid):
    """A model cannot be served as it is."""
