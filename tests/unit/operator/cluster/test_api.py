"""What a line of a watch means."""

import pytest

from slipway_operator.cluster.api import change
from slipway_operator.cluster.errors import Conflict


def test_a_line_is_a_change() -> None:
    assert change(b'{"type":"ADDED","object":{"metadata":{"name":"a"}}}') == ("ADDED", {"metadata": {"name": "a"}})


def test_a_version_that_the_server_has_forgotten_is_a_conflict() -> None:
    line = b'{"type":"ERROR","object":{"kind":"Status","message":"too old","reason":"Expired","code":410}}'
    with pytest.raises(Conflict, match="410 Expired: too old"):
        change(line)
