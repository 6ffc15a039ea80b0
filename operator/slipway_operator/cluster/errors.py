"""Errors by what to do next.

OperatorError
├── Terminal     the request will be refused again until a person changes something
├── Retry        try again, after ``after`` seconds if given, else with back-off
├── Conflict     somebody else wrote first: look again, quietly
└── NotFound     the object (or its namespace) is not there
"""

from http import HTTPStatus

REFUSALS = frozenset({400, 403, 405, 413, 415, 422})

PASSING_REFUSALS = {
    "being terminated": 30.0,
    # Admission (OwnerReferencesPermissionEnforcement) learns of kinds some seconds after they are installed.
    "cannot find RESTMapping": 5.0,
}
"""Words of a 403 that will not stay, and the seconds to wait."""


class OperatorError(Exception):
    """Base of the errors that the operator expects."""


class Terminal(OperatorError):
    """The API server refuses the object for what it says."""

    def __init__(self, message: str, reason: str = "Invalid") -> None:
        super().__init__(message)
        self.reason = reason


class Retry(OperatorError):
    """A passing trouble: outage, overload, a namespace that is going away."""

    def __init__(self, message: str, after: float | None = None) -> None:
        super().__init__(message)
        self.after = after


class Conflict(OperatorError):
    """The object is no longer the one that was seen."""


class NotFound(OperatorError):
    """No such object."""


def from_response(code: int, reason: str, message: str, retry_after: float | None = None) -> OperatorError:
    """The error for a refused request.

    Args:
        code: HTTP status.
        reason: ``reason`` of the Status object, such as ``AlreadyExists``.
        message: its ``message``.
        retry_after: seconds of a ``Retry-After`` header.
    """
    text = f"{code} {reason}: {message}"
    if code == HTTPStatus.NOT_FOUND:
        return NotFound(text)
    if code in {HTTPStatus.CONFLICT, HTTPStatus.GONE}:
        return Conflict(text)
    if code == HTTPStatus.FORBIDDEN:
        for words, seconds in PASSING_REFUSALS.items():
            if words in message:
                return Retry(text, after=seconds)
    if code in REFUSALS:
        return Terminal(message, reason or str(code))
    return Retry(text, after=retry_after)
