"""What can go wrong with a request or a model, without saying how a protocol spells it."""

from enum import IntEnum


class Fault(IntEnum):
    """Kind of a refused request; the value is its HTTP status."""

    BAD_INPUT = 400
    NOT_FOUND = 404
    WRONG_METHOD = 405
    TOO_LARGE = 413
    UNSUPPORTED = 415
    INTERNAL = 500
    UNAVAILABLE = 503


class RequestError(Exception):
    """A request that cannot be answered; the message says what was expected."""

    def __init__(self, fault: Fault, message: str) -> None:
        """Keep the kind of refusal beside its message."""
        super().__init__(message)
        self.fault = fault


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
