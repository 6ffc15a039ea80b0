"""The suite finds fault: with a server that answers nonsense, with one that is not there, and by what binds."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from tests.unit.runtime.serve.process import free_port

from slipway_conformance import report
from slipway_conformance.case import Case, Level, Source
from slipway_conformance.cli import main
from slipway_conformance.models import NAMES
from slipway_conformance.protobuf import Fields, encode, packed_floats, packed_varints
from slipway_conformance.server import Answer, Refuted, Server
from slipway_conformance.suite import CASES, Choice, Outcome, Result, run
from slipway_conformance.tensors import VALUES, from_bytes, read, to_bytes

ALL = Choice(frozenset(), frozenset(NAMES), strict=False, reload=True)
# What says nothing but "200", and so is true of a server that always answers it.
CONTENT_WITH_200 = {"health.live", "health.ready", "health.model", "metadata.version-ready"}


@contextmanager
def answering(status: int, body: bytes, content_type: str = "application/json") -> Iterator[Server]:
    """A server whose every answer is the same."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815 - the name that http.server asks for

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=httpd.serve_forever)
    thread.start()
    try:
        yield Server(f"http://127.0.0.1:{httpd.server_port}", timeout=5)
    finally:
        httpd.shutdown()
        thread.join()
        httpd.server_close()


def passed(server: Server) -> set[str]:
    return {result.case.id for result in run(server, ALL) if result.outcome is Outcome.PASSED}


def test_a_server_of_empty_objects_passes_only_what_asks_for_200() -> None:
    with answering(200, b"{}") as server:
        assert passed(server) <= CONTENT_WITH_200


def test_a_server_that_refuses_in_another_form_passes_nothing() -> None:
    with answering(422, b'{"detail": "no"}') as server:
        assert passed(server) == {"health.unknown-model"}


def test_a_server_that_fails_passes_nothing() -> None:
    with answering(500, b'{"error": "no"}') as server:
        assert passed(server) == {"health.unknown-model"}


def test_a_refusal_needs_the_type_of_json() -> None:
    with answering(404, b'{"error": "no"}', "text/plain") as server, pytest.raises(Refuted, match="content-type"):
        server.get("/v2").refused()


def test_nobody_at_the_address(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([f"http://127.0.0.1:{free_port()}"]) == 125
    assert "no answer" in capsys.readouterr().err


def test_models_that_are_not_served_skip_their_cases() -> None:
    with answering(200, b"{}") as server:
        results = list(run(server, Choice(frozenset({"infer"}), frozenset(), strict=False, reload=False)))
    assert {result.outcome for result in results} == {Outcome.SKIPPED}
    assert "not served" in results[0].found


def _case(level: Level, extension: str = "") -> Case:
    def fails(_: Server) -> None:
        raise Refuted("always")

    return Case("test.case", "always fails", Source.EXTENSION, level, extension, (), fails)


@pytest.mark.parametrize(
    ("case", "strict", "binding"),
    [
        (_case(Level.REQUIRED), False, True),
        (_case(Level.EXTENSION, "told"), False, True),
        (_case(Level.EXTENSION, "other"), False, False),
        (_case(Level.RECOMMENDED), False, False),
        (_case(Level.RECOMMENDED), True, True),
    ],
)
def test_an_extension_binds_who_tells_of_it(case: Case, strict: bool, binding: bool) -> None:  # noqa: FBT001 - a table
    with answering(200, b'{"extensions": ["told"]}') as server:
        choice = Choice(frozenset(), frozenset(), strict=strict, reload=False)
        (result,) = run(server, choice, [case])
    assert (result.outcome, result.binding) == (Outcome.FAILED, binding)
    assert report.failing([result]) == int(binding)


def test_a_table_of_two_servers() -> None:
    one = {CASES[0].id: {"outcome": "passed"}}
    other = {CASES[0].id: {"outcome": "failed"}}
    table = report.markdown({"One": one, "Other": other})
    assert "| health | 7 | 1 of 1 | 0 of 1 |" in table
    assert f"| `{CASES[0].id}` | {CASES[0].says} | protocol | required | yes | **no** |" in table


def test_every_case_has_a_name_of_its_own() -> None:
    assert len({case.id for case in CASES}) == len(CASES)


@pytest.mark.parametrize("datatype", VALUES)
def test_values_survive_their_raw_form(datatype: str) -> None:
    values = [value.encode() if isinstance(value, str) else value for value in VALUES[datatype]]
    assert from_bytes(datatype, to_bytes(datatype, values)) == values


@pytest.mark.parametrize("content", [b"\x01", b"\x05\x00\x00\x00ab"])
def test_broken_texts_are_refuted(content: bytes) -> None:
    with pytest.raises(Refuted):
        from_bytes("BYTES", content)


def test_bytes_left_behind_are_refuted() -> None:
    body = b'{"outputs": [{"name": "o", "datatype": "FP32", "shape": [1], "data": [1.5]}]}'
    answer = Answer(200, {"inference-header-content-length": str(len(body))}, body)
    assert read(answer).outputs["o"].values == [1.5]
    with pytest.raises(Refuted, match="left behind"):
        read(answer._replace(body=body + b"x"))


def test_result_line_says_what_binds() -> None:
    result = Result(_case(Level.RECOMMENDED), Outcome.FAILED, binding=False, found="why")
    assert report.line(result).startswith("fail ")
    assert report.line(Result(result.case, Outcome.FAILED, binding=True, found="why")).startswith("FAIL ")


def test_protobuf_messages_survive() -> None:
    message = [(1, "é"), (2, b"\0"), (3, packed_varints([-1, 300])), (4, [(1, 7)]), (5, packed_floats("f", [1.5]))]
    fields = Fields(encode([*message, (6, -2), (1, "last")]))
    assert fields.text(1) == "last"
    assert fields.all(2) == [b"\0"]
    assert fields.varints(3) == [-1, 300]
    assert fields.messages(4)[0].number(1) == 7
    assert from_bytes("FP32", fields.packed(5)) == [1.5]
    assert fields.varints(6) == [-2]
    with pytest.raises(ValueError, match="longer"):
        Fields(b"\x0a\x05a")
