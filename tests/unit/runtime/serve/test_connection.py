"""HTTP/1.1 on a real socket: what clients send that httpx never would, and how a connection lives and ends."""

import json
import socket
from collections.abc import Iterator

import pytest
from tests.unit.runtime.serve.process import Served

from slipway_runtime.serve.errors import Fault
from slipway_runtime.serve.http.messages import NOBODY, Response, head_of

BODY = json.dumps({"input_data": [[1, 2, 3, 4]]}).encode()
OTHER = json.dumps({"input_data": [[1, 2, 3, 4], [4, 3, 2, 1]]}).encode()
LIVE = b"GET /v2/health/live HTTP/1.1\r\nhost: x\r\n\r\n"


def post(body: bytes, *headers: str, version: str = "1.1") -> bytes:
    fields = "".join(f"{header}\r\n" for header in ("Host: x", *headers, f"Content-Length: {len(body)}"))
    return f"POST /models/iris/predict HTTP/{version}\r\n{fields}\r\n".encode() + body


class Wire:
    """A raw connection."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self._buffer = b""

    def answer(self) -> tuple[int, dict[str, str], bytes]:
        """The next whole answer."""
        while b"\r\n\r\n" not in self._buffer:
            self._more()
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        line, *fields = head.decode().split("\r\n")
        headers = dict(field.lower().split(": ", 1) for field in fields)
        length = int(headers.get("content-length", "0"))
        while len(self._buffer) < length:
            self._more()
        body, self._buffer = self._buffer[:length], self._buffer[length:]
        return int(line.split()[1]), headers, body

    def ended(self) -> bool:
        return not self._buffer and self.socket.recv(1) == b""

    def _more(self) -> None:
        received = self.socket.recv(65536)
        assert received, f"the connection ended; so far {self._buffer!r}"
        self._buffer += received


@pytest.fixture
def wire(many: Served) -> Iterator[Wire]:
    opened = Wire(many.port)
    with opened.socket:
        yield opened


def predictions(body: bytes) -> int:
    return len(json.loads(body)["prediction"])


def test_repeated_heads_with_other_bodies(wire: Wire) -> None:
    for body, rows in ((BODY, 1), (BODY, 1), (OTHER, 2), (OTHER, 2), (BODY, 1)):
        wire.socket.sendall(post(body))
        status, headers, answer = wire.answer()
        assert (status, predictions(answer)) == (200, rows)
        assert headers["date"].endswith("gmt")


def test_known_head_whose_body_comes_in_pieces(wire: Wire) -> None:
    for cut in (0, 1, len(post(BODY)) - len(BODY), len(post(BODY)) - 3):
        content = post(BODY)
        wire.socket.sendall(content[:cut])
        wire.socket.sendall(content[cut:])
        assert predictions(wire.answer()[2]) == 1


def test_pipelined_requests_are_answered_in_order(wire: Wire) -> None:
    wire.socket.sendall((post(BODY) + LIVE + post(OTHER)) * 300)
    for _ in range(300):
        assert predictions(wire.answer()[2]) == 1
        assert wire.answer()[2] == b'{"live":true}'
        assert predictions(wire.answer()[2]) == 2


def test_a_client_that_closes_its_side_still_gets_the_answer(wire: Wire) -> None:
    wire.socket.sendall(post(BODY))
    wire.socket.shutdown(socket.SHUT_WR)
    assert wire.answer()[0] == 200
    assert wire.ended()


def test_connection_close_is_obeyed(wire: Wire) -> None:
    wire.socket.sendall(post(BODY, "Connection: close"))
    status, headers, _ = wire.answer()
    assert (status, headers["connection"]) == (200, "close")
    assert wire.ended()


def test_http_1_0(wire: Wire) -> None:
    wire.socket.sendall(post(BODY, "Connection: keep-alive", version="1.0"))
    assert wire.answer()[1]["connection"] == "keep-alive"
    wire.socket.sendall(post(BODY, version="1.0"))
    assert wire.answer()[0] == 200
    assert wire.ended()


def test_expect_continue(wire: Wire) -> None:
    content = post(BODY, "Expect: 100-continue")
    wire.socket.sendall(content[: -len(BODY)])
    assert wire.answer()[0] == 100
    wire.socket.sendall(BODY)
    assert wire.answer()[0] == 200


def test_offered_upgrade_is_declined_by_answering(wire: Wire) -> None:
    for _ in range(2):
        wire.socket.sendall(post(BODY, "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: x"))
        status, _, answer = wire.answer()
        assert (status, predictions(answer)) == (200, 1)


def test_path_with_query_and_absolute_target(wire: Wire) -> None:
    for target in (b"/v2/health/live?x=1", b"http://x/v2/health/live", b"/v2/%68ealth/live"):
        wire.socket.sendall(LIVE.replace(b"/v2/health/live", target))
        assert wire.answer()[0] == 200


def test_head_has_no_body(wire: Wire) -> None:
    wire.socket.sendall(LIVE.replace(b"GET", b"HEAD"))
    wire.socket.settimeout(0.5)
    assert wire.socket.recv(65536).endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"\x00\x01\x02\r\n\r\n", 400),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
        (b"CONNECT x:80 HTTP/1.1\r\nhost: x\r\n\r\n", 400),
        (post(BODY).replace(b"Host: x", b"Transfer-Encoding: chunked"), 400),
        (post(BODY).replace(b"Host: x", b"Content-Length: 3"), 400),
        (b"GET / HTTP/1.1\r\nx: " + b"y" * 1_000_000, 431),
    ],
)
def test_what_is_no_request_is_refused_and_ends(many: Served, sent: bytes, status: int) -> None:
    wire = Wire(many.port)
    with wire.socket:
        wire.socket.sendall(sent)
        code, headers, body = wire.answer()
        assert (code, headers["connection"]) == (status, "close")
        assert json.loads(body)["error"]
        assert wire.ended()


def test_every_refusal_has_a_status_line() -> None:
    for fault in Fault:
        assert head_of(Response(fault, b""), NOBODY, b"now").startswith(b"HTTP/1.1 %d " % fault)


def test_nothing_stays_in_flight(many: Served, wire: Wire) -> None:
    for sent in (post(BODY)[:-3], post(BODY) * 20, b"\x00"):
        with Wire(many.port).socket as leaving:
            leaving.sendall(sent)
    while True:
        wire.socket.sendall(b"GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n")
        if b"\nslipway_serve_in_flight 1\n" in wire.answer()[2]:
            break
