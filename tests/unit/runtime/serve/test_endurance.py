"""What hostile and careless clients do; the server answers the others meanwhile."""

import resource
import socket
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest
from tests.unit.runtime.serve.models import write_classifier
from tests.unit.runtime.serve.process import Served, started

ROW = {"inputs": [{"name": "input", "shape": [1, 4], "datatype": "FP32", "data": [0, 0, 0, 0]}]}
IDLE = 10_000
HALF_OPEN = 500


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    directory = tmp_path_factory.mktemp("endurance")
    write_classifier(directory / "m.onnx")
    with started(directory, "--model", f"m={directory}/m.onnx", "--access-log", "0.1") as process:
        process.wait_ready()
        yield process


@pytest.fixture
def files() -> Iterator[int]:
    """Files that this process may open, for as many connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = IDLE + 2000
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(soft, wanted), hard), hard))
    yield min(max(soft, wanted), hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def answers(served: Served) -> bool:
    return httpx.post(f"{served.url}/v2/models/m/infer", json=ROW, timeout=10).status_code == 200


def test_ten_thousand_idle_connections(served: Served, files: int) -> None:
    assert files > IDLE
    with ExitStack() as stack:
        for number in range(IDLE):
            # Sources of one address are 28,000 ports; every third thousand comes from another.
            source = (f"127.0.0.{2 + number // 3000}", 0)
            stack.enter_context(socket.create_connection(("127.0.0.1", served.port), 30, source))
        assert answers(served)
    assert answers(served)


def test_half_a_request_is_given_up_and_holds_up_nobody(served: Served) -> None:
    with ExitStack() as stack:
        for part in (b"P", b"POST /v2/models/m/infer HTTP/1.1\r\nhost: x\r\ncontent-length: 99\r\n\r\n{"):
            for _ in range(HALF_OPEN):
                slow = stack.enter_context(socket.create_connection(("127.0.0.1", served.port), 30))
                slow.sendall(part)
        assert answers(served)


def test_the_access_log_has_every_tenth_request(served: Served) -> None:
    def lines() -> int:
        return sum(line.get("logger") == "slipway.access" for line in served.log_lines())

    before = lines()
    for _ in range(50):
        assert answers(served)
    assert lines() - before == 5
    last = [line for line in served.log_lines() if line.get("logger") == "slipway.access"][-1]
    assert (last["model"], last["path"], last["code"]) == ("m", "/v2/models/m/infer", 200)
