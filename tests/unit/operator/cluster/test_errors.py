"""From an answer to what to do next."""

import pytest

from slipway_operator.cluster.errors import Conflict, NotFound, OperatorError, Retry, Terminal, from_response


@pytest.mark.parametrize(
    ("code", "message", "expected"),
    [
        (400, "bad", Terminal),
        (403, "exceeded quota", Terminal),
        (403, "unable to create in namespace x because it is being terminated", Retry),
        (403, "cannot set blockOwnerDeletion because cannot find RESTMapping for Kind TrainingJob", Retry),
        (404, "gone", NotFound),
        (409, "changed", Conflict),
        (410, "expired", Conflict),
        (422, "immutable", Terminal),
        (429, "slow down", Retry),
        (500, "oops", Retry),
        (503, "away", Retry),
    ],
)
def test_codes(code: int, message: str, expected: type[OperatorError]) -> None:
    error = from_response(code, "Reason", message, 7.0)
    assert type(error) is expected
    assert message in str(error)


def test_the_server_says_when() -> None:
    error = from_response(429, "TooManyRequests", "slow down", 7.0)
    assert isinstance(error, Retry)
    assert error.after == 7.0
