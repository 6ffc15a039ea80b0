"""What a sweep reads from objects."""

from datetime import timedelta

import pytest

from slipway_operator.cluster.sweep import digests_in, duration

DIGEST = "sha256:" + "a" * 64


def test_every_digest_is_found_wherever_it_stands() -> None:
    other = "b" * 64
    status = {
        "artifact": {"digest": DIGEST},
        "history": [{"uri": f"s3://x/manifests/{other}"}],
        "attempt": 3,
        "run": None,
    }
    assert set(digests_in(status)) == {DIGEST, f"sha256:{other}"}
    assert set(digests_in({"model": {"uri": "s3://x/model.onnx"}})) == set()


@pytest.mark.parametrize(("text", "seconds"), [("0s", 0), ("90s", 90), ("30m", 1800), ("24h", 86400), ("2d", 172800)])
def test_durations(text: str, seconds: int) -> None:
    assert duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "24", "h", "1.5h", "-1h"])
def test_other_durations_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="24h"):
        duration(text)
