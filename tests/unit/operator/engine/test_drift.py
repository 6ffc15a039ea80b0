"""Whether a live object still says what is asked for."""

from typing import Any

import pytest

from slipway_operator.engine.drift import covers

LIVE = {
    "replicas": 2,
    "policy": "Always",
    "containers": [{"name": "b", "image": "x", "pull": "Always"}, {"name": "a", "image": "y"}],
    "args": ["1", "2"],
    "ports": [{"port": 80, "protocol": "TCP"}],
}


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({}, True),
        ({"replicas": 2}, True),
        ({"replicas": 3}, False),
        ({"absent": 1}, False),
        ({"absent": False, "none": None, "empty": {}, "nothing": [], "zero": 0}, True),
        ({"containers": [{"name": "a", "image": "y"}, {"name": "b", "image": "x"}]}, True),
        ({"containers": [{"name": "a", "image": "z"}]}, False),
        ({"containers": [{"name": "c"}]}, False),
        ({"args": ["1", "2"]}, True),
        ({"args": ["1"]}, False),
        ({"args": ["2", "1"]}, False),
        ({"ports": [{"port": 80}]}, True),
        ({"ports": [{"port": 81}]}, False),
        ({"ports": [{"port": 80}, {"port": 81}]}, False),
        ({"policy": {"type": "Always"}}, False),
        ({"policy": ["Always"]}, False),
    ],
)
def test_every_wanted_field_must_hold(wanted: dict[str, Any], expected: bool) -> None:  # noqa: FBT001
    assert covers(LIVE, wanted) is expected
