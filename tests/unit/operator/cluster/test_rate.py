"""The token bucket."""

import pytest

from slipway_operator.cluster.rate import TokenBucket


class Clock:
    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


async def test_a_burst_is_free_and_then_places_are_booked_in_order() -> None:
    clock = Clock()
    bucket = TokenBucket(10, 3, lambda: clock.now, clock.sleep)
    assert [await bucket.take() for _ in range(3)] == [0, 0, 0]
    waits = [await bucket.take() for _ in range(3)]
    assert waits == pytest.approx([0.1, 0.2, 0.3])
    clock.now = 10.0
    assert await bucket.take() == 0


@pytest.mark.parametrize(("rate", "burst"), [(0, 1), (1, 0), (-1, 5)])
def test_a_bucket_that_never_gives_is_refused(rate: float, burst: int) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        TokenBucket(rate, burst, lambda: 0.0)
