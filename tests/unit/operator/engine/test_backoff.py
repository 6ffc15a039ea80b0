"""Delays between tries."""

from slipway_operator.engine.backoff import Backoff


def test_delays_double_from_one_second_to_five_minutes() -> None:
    backoff = Backoff(lambda _low, _high: 1.0)
    assert [backoff.failed("a") for _ in range(10)] == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300]
    assert backoff.failed("b") == 1
    backoff.succeeded("a")
    assert backoff.failed("a") == 1


def test_jitter_stays_within_a_fifth_and_below_the_limit() -> None:
    assert Backoff(lambda low, _high: low).failed("a") == 0.8
    assert Backoff(lambda _low, high: high).failed("a") == 1.2
    top = Backoff(lambda _low, high: high)
    assert max(top.failed("a") for _ in range(40)) == 300
