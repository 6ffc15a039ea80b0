"""Who may wait, and what happens to those who do."""

import concurrent.futures
import socket
import time
from collections.abc import Iterator

import httpx
import pytest
from tests.unit.runtime.serve.models import write_slow
from tests.unit.runtime.serve.process import Served, started

from slipway_runtime.serve.admission import Admission
from slipway_runtime.serve.errors import Fault, RequestError


def test_what_waits_is_bounded_by_time_and_bytes() -> None:
    admission = Admission(threads=2, seconds=1.0, size=100)
    admission.enter(100.0, 1000)
    with pytest.raises(RequestError, match=r"1, which take about 50\.0 s") as refused:
        admission.enter(0.1, 1)
    assert (refused.value.fault, refused.value.retry_after) == (Fault.TOO_MANY, 50)
    admission.leave(100.0, 1000)
    assert (admission.waiting, admission.owed) == (0, 0.0)
    admission.enter(0.5, 60)
    admission.enter(0.5, 40)
    with pytest.raises(RequestError) as full:
        admission.enter(0.0, 1)
    assert full.value.retry_after == 1
    admission.leave(0.5, 60)
    admission.enter(0.5, 60)


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A model of which one inference takes some milliseconds."""
    directory = tmp_path_factory.mktemp("slow")
    write_slow(directory / "m.onnx", size=512, repeats=20)
    with started(directory, "--model", f"m={directory}/m.onnx") as served:
        served.wait_ready()
        yield served


def body(rows: int, **more: object) -> dict[str, object]:
    return {"inputs": [{"name": "input", "shape": [rows, 1], "datatype": "FP32", "data": [1.0] * rows}], **more}


def keep_busy(slow: Served, pool: concurrent.futures.Executor) -> list[concurrent.futures.Future[httpx.Response]]:
    """Six requests under way, which take some seconds."""
    url = f"{slow.url}/v2/models/m/infer"
    begun = [pool.submit(httpx.post, url, json=body(2000), timeout=120) for _ in range(6)]
    time.sleep(0.5)
    return begun


def test_overload_is_refused_and_the_rest_is_answered(slow: Served) -> None:
    def ask(_: int) -> httpx.Response:
        return httpx.post(f"{slow.url}/v2/models/m/infer", json=body(800), timeout=120)

    with concurrent.futures.ThreadPoolExecutor(64) as pool:
        answers = list(pool.map(ask, range(64)))
    codes = {answer.status_code for answer in answers}
    assert codes == {200, 429}
    for answer in answers:
        if answer.status_code == 429:
            assert int(answer.headers["retry-after"]) >= 1
            assert "requests wait" in answer.json()["error"]
    assert httpx.post(f"{slow.url}/v2/models/m/infer", json=body(1), timeout=60).status_code == 200


def test_a_request_whose_time_has_passed_is_not_run(slow: Served) -> None:
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        before = keep_busy(slow, pool)
        late = httpx.post(f"{slow.url}/v2/models/m/infer", json=body(100, parameters={"timeout": 1000}), timeout=120)
        assert late.status_code == 504
        assert "timeout" in late.json()["error"]
        assert {done.result().status_code for done in before} == {200}


def test_a_request_whose_client_has_gone_is_not_run(slow: Served) -> None:
    def executions() -> int:
        (told,) = httpx.get(f"{slow.url}/v2/models/m/stats").json()["model_stats"]
        return int(told["execution_count"])

    before = executions()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        busy = keep_busy(slow, pool)
        content = httpx.Request("POST", slow.url, json=body(100)).content
        head = f"POST /v2/models/m/infer HTTP/1.1\r\nhost: x\r\ncontent-length: {len(content)}\r\n\r\n".encode()
        for _ in range(3):
            with socket.create_connection(("127.0.0.1", slow.port)) as gone:
                gone.sendall(head + content)
                time.sleep(0.05)
        assert {done.result().status_code for done in busy} == {200}
    deadline = time.monotonic() + 30
    while 'code="499"} 3' not in httpx.get(f"{slow.url}/metrics").text:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert executions() - before == len(busy)


@pytest.mark.parametrize("timeout", [-1, 1.5, "1", True])
def test_a_timeout_is_a_number_of_microseconds(slow: Served, timeout: object) -> None:
    response = httpx.post(f"{slow.url}/v2/models/m/infer", json=body(1, parameters={"timeout": timeout}))
    assert response.status_code == 400
    assert '"timeout"' in response.json()["error"]
