import http.server
import threading
from collections.abc import Iterator

import pytest

from slipway_operator.install_check import ATTEMPTS, CheckFailed, check, check_http, missing_kinds


class _Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/health" else 503)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Tests are quiet."""


@pytest.fixture
def url() -> Iterator[str]:
    server = http.server.HTTPServer(("127.0.0.1", 0), _Answer)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_kinds_are_all_there_or_named() -> None:
    kinds = [{"kind": kind} for kind in ("TrainingJob", "CompressionJob", "ModelService", "Scale")]
    assert missing_kinds({"resources": kinds}) == "the API server has CompressionJob, ModelService, TrainingJob"
    with pytest.raises(CheckFailed, match="the API server has no ModelService: upgrade the CRDs"):
        missing_kinds({"resources": kinds[:2]})
    with pytest.raises(CheckFailed, match="no CompressionJob, ModelService, TrainingJob"):
        missing_kinds({})


def test_an_endpoint_answers_or_is_named(url: str) -> None:
    assert check_http("store", f"{url}/health") == f"store answers at {url}/health"
    with pytest.raises(CheckFailed, match=f"operator answers 503 at {url}/readyz: look at its pod's log"):
        check_http("operator", f"{url}/readyz")


@pytest.mark.parametrize(("failures", "passes"), [(0, True), (ATTEMPTS - 1, True), (ATTEMPTS, False)])
def test_a_check_is_tried_until_its_time_is_over(failures: int, *, passes: bool) -> None:
    left, pauses = [failures], list[float]()

    def body() -> str:
        if left[0]:
            left[0] -= 1
            raise ConnectionRefusedError
        return "fine"

    assert check("store", body, pauses.append) is passes
    assert len(pauses) == min(failures, ATTEMPTS - 1)
