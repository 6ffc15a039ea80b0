"""Streams, start and end of the gRPC side, with the real process and signals."""

import itertools
import json
import queue
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import httpx
import numpy as np
import pytest
from tests.unit.runtime.serve.calls import Calls, connected, raw, refused, row
from tests.unit.runtime.serve.models import write_slow
from tests.unit.runtime.serve.process import Served, started
from tests.unit.runtime.serve.switch import Switch

from slipway_runtime.serve.grpc import health_pb2
from slipway_runtime.serve.grpc import inference_pb2 as pb
from slipway_runtime.spec.exit import ExitCode

HEALTH = health_pb2.HealthCheckResponse
LEAVING = ("--drain-grace", "1", "--grpc-connection-age", "1")


def slow(rows: int) -> pb.ModelInferRequest:
    return raw("slow", {"input": ("FP32", np.zeros((rows, 1), np.float32))})


def until_none(waiting: "queue.Queue[pb.ModelInferRequest | None]") -> Iterator[pb.ModelInferRequest]:
    while (request := waiting.get()) is not None:
        yield request


def until(done: Callable[[], bool]) -> Iterator[None]:
    while not done():
        yield


def test_a_stream_answers_in_order_and_survives_errors(calls: Calls) -> None:
    good, bad = row(), row(model_version="9")
    requests = [(bad if number % 3 == 0 else good) for number in range(30)]
    copies = [pb.ModelInferRequest.FromString(request.SerializeToString()) for request in requests]
    for number, copy in enumerate(copies):
        copy.id = str(number)
    answers = list(calls.stream(iter(copies)))
    assert [answer.infer_response.id for answer in answers] == [str(number) for number in range(30)]
    for number, answer in enumerate(answers):
        if number % 3 == 0:
            assert answer.error_message == 'model "iris" has no version "9"; its version is "' + version(calls) + '"'
            assert not answer.infer_response.outputs
        else:
            assert answer.error_message == ""
            assert answer.infer_response.raw_output_contents


def version(calls: Calls) -> str:
    told = calls.tell("ModelMetadata", pb.ModelMetadataRequest(name="iris"), pb.ModelMetadataResponse)
    return told.versions[0]


def test_a_stream_is_answered_as_it_goes(calls: Calls) -> None:
    waiting: queue.Queue[pb.ModelInferRequest | None] = queue.Queue()
    answers = calls.stream(until_none(waiting))
    for _ in range(3):
        waiting.put(row())
        assert next(answers).infer_response.model_name == "iris"
    waiting.put(None)
    assert list(answers) == []


def test_a_stream_reads_no_further_than_its_answers_are_taken(calls: Calls) -> None:
    """Who takes no answers fills the windows of flow control; then the server takes no more requests."""
    total = 4_000
    sent = 0

    def requests() -> Iterator[pb.ModelInferRequest]:
        nonlocal sent
        request = raw("fp32", {"input": ("FP32", np.zeros((8_192, 2), np.float32))})
        for sent in range(1, total + 1):  # noqa: B007 - read below
            yield request

    answers = calls.stream(requests())
    next(answers)
    seen = -1
    while seen != sent:
        seen = sent
        time.sleep(1)
    assert sent < total
    assert sum(1 for answer in answers if answer.infer_response.outputs) == total - 1


def test_a_stream_of_what_is_no_message(calls: Calls) -> None:
    answers = calls.channel.stream_stream(
        "/inference.GRPCInferenceService/ModelStreamInfer",
        response_deserializer=pb.ModelStreamInferResponse.FromString,
    )(iter([b"\x0a\xff", row().SerializeToString()]), timeout=30)
    first, second = answers
    assert "no inference.ModelInferRequest" in first.error_message
    assert second.infer_response.outputs


def test_calls_of_both_protocols_run_together(calls: Calls, client: httpx.Client) -> None:
    """Whatever mix of clients asks at once, each gets its own answer."""
    tensor = {"name": "input", "shape": [1, 4], "datatype": "FP32", "data": [1, 2, 3, 4]}

    def over_grpc(_: int) -> list[float]:
        found: list[float] = np.frombuffer(calls.infer(row()).raw_output_contents[0], np.float32).tolist()
        return found

    def over_http(_: int) -> list[float]:
        found: list[float] = client.post("/v2/models/iris/infer", json={"inputs": [tensor]}).json()["outputs"][0][
            "data"
        ]
        return found

    with ThreadPoolExecutor(16) as pool:
        answers = [*pool.map(over_grpc, range(200)), *pool.map(over_http, range(50))]
    np.testing.assert_allclose(answers, [answers[0]] * 250, rtol=1e-5)


def test_drain_finishes_what_is_in_flight_and_takes_no_more(tmp_path: Path) -> None:
    write_slow(tmp_path / "slow.onnx", size=256, repeats=20)
    with (
        started(tmp_path, "--model", f"slow={tmp_path / 'slow.onnx'}", *LEAVING) as served,
        connected(served.target) as calls,
        connected(served.target) as others,
    ):
        served.wait_ready()
        watch = calls.watch()
        idle = calls.stream(until_none(queue.Queue()))
        assert next(watch).status == HEALTH.SERVING
        running = calls.future(slow(60_000).SerializeToString())
        while "slipway_serve_waiting 1" not in httpx.get(f"{served.url}/metrics").text:
            assert not running.done(), "it ended before it could be seen in flight"
        served.terminate()
        assert next(watch).status == HEALTH.NOT_SERVING
        assert others.health("slow") == HEALTH.NOT_SERVING
        assert not others.tell("ServerReady", pb.ServerReadyRequest(), pb.ServerReadyResponse).ready
        assert others.infer(slow(1)).outputs, "within the grace new calls are answered"
        codes = {others.future(slow(1).SerializeToString()).code() for _ in until(running.done)}
        # CANCELLED: it was on its way while the connection was told to go.
        assert codes - {grpc.StatusCode.OK, grpc.StatusCode.CANCELLED} == {grpc.StatusCode.UNAVAILABLE}
        answer = pb.ModelInferResponse.FromString(running.result())
        assert list(answer.outputs[0].shape) == [60_000, 1]
        assert served.wait() == ExitCode.DONE
        with refused(grpc.StatusCode.UNAVAILABLE):
            next(idle)


def test_drain_under_load_fails_no_call(tmp_path: Path, iris: tuple[Path, str]) -> None:
    """Clients leave when they see readiness gone, and until then every call is answered."""
    begun = threading.Barrier(4)

    def ask(served: Served) -> int:
        answered = 0
        unready_at: float | None = None
        with connected(served.target) as calls:
            while unready_at is None or time.monotonic() - unready_at < 0.5:
                assert calls.infer(row()).outputs
                answered += 1
                if answered == 20:
                    begun.wait(60)
                if unready_at is None and calls.health() != HEALTH.SERVING:
                    unready_at = time.monotonic()
        return answered

    with started(tmp_path, "--model", f"iris={iris[0]}", "--drain-grace", "3") as served:
        served.wait_ready()
        with ThreadPoolExecutor(3) as pool:
            asking = [pool.submit(ask, served) for _ in range(3)]
            begun.wait(60)
            served.terminate()
            assert sum(future.result() for future in asking) > 60
        assert served.wait() == ExitCode.DONE


def test_a_rolling_update_fails_no_call_of_clients_that_never_stop(tmp_path: Path, iris: tuple[Path, str]) -> None:
    """Clients that know nothing of readiness and keep their connection."""
    words = ("--model", f"iris={iris[0]}", "--drain-grace", "1", "--grpc-connection-age", "2")
    (tmp_path / "old").mkdir()
    (tmp_path / "new").mkdir()
    stop = threading.Event()

    def ask() -> int:
        answered = 0
        with connected(switch.target) as calls:
            while not stop.is_set():
                assert calls.infer(row()).outputs
                answered += 1
        return answered

    with started(tmp_path / "old", *words) as old, started(tmp_path / "new", *words) as new:
        old.wait_ready()
        new.wait_ready()
        with Switch(old.grpc_port) as switch, ThreadPoolExecutor(6) as pool:
            asking = [pool.submit(ask) for _ in range(6)]
            time.sleep(1)
            # The endpoints change while the old one is still in its grace, as in a cluster.
            old.terminate()
            switch.to = new.grpc_port
            assert old.wait() == ExitCode.DONE
            time.sleep(1)
            stop.set()
            answered = [future.result(30) for future in asking]
    assert min(answered) > 20
    assert switch.taken == {old.grpc_port, new.grpc_port}


def test_a_stream_ends_when_the_server_leaves(tmp_path: Path, iris: tuple[Path, str]) -> None:
    with (
        started(tmp_path, "--model", f"iris={iris[0]}", *LEAVING) as served,
        connected(served.target) as calls,
    ):
        served.wait_ready()
        answers = calls.stream(itertools.repeat(row()))
        next(answers)
        served.terminate()
        with refused(grpc.StatusCode.UNAVAILABLE):
            for answer in answers:
                assert not answer.error_message
        assert served.wait() == ExitCode.DONE


def test_loading_is_not_serving(tmp_path: Path) -> None:
    """The port is open while models load: a probe is told so."""
    write_slow(tmp_path / "slow.onnx", size=512, repeats=400)
    models = [word for number in range(5) for word in ("--model", f"m{number}={tmp_path}/slow.onnx")]
    with started(tmp_path, *models) as served, connected(served.target) as calls:
        grpc.channel_ready_future(calls.channel).result(30)
        watch = calls.watch()
        states = [next(watch).status, next(watch).status]
        assert calls.tell("ServerReady", pb.ServerReadyRequest(), pb.ServerReadyResponse).ready
    assert states == [HEALTH.NOT_SERVING, HEALTH.SERVING]


def test_grpc_can_be_left_out(tmp_path: Path, iris: tuple[Path, str]) -> None:
    with started(tmp_path, "--model", f"iris={iris[0]}", grpc_port=0) as served:
        served.wait_ready()
        libraries = Path(f"/proc/{served.process.pid}/maps").read_text()
        ready = next(line for line in served.log_lines() if line["message"] == "ready")
    assert "cygrpc" not in libraries
    assert ready["grpcPort"] is None


def test_taken_port_is_said(tmp_path: Path, iris: tuple[Path, str], many: Served) -> None:
    termination = tmp_path / "termination-log"
    env = {"SLIPWAY_TERMINATION_LOG": str(termination)}
    with started(tmp_path, "--model", f"iris={iris[0]}", env=env, grpc_port=many.grpc_port) as served:
        assert served.wait() == ExitCode.CONFIG_ERROR
    message = json.loads(termination.read_text())["message"]
    assert f":{many.grpc_port} for gRPC; choose another --grpc-port" in message


@pytest.mark.parametrize("words", [("--grpc-port", "70000"), ("--grpc-max-message-mib", "4096")])
def test_wrong_options_are_said(words: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    from slipway_runtime.serve.main import run

    with pytest.raises(SystemExit):
        run(["--model", "m=m.onnx", *words], {})
    assert words[1] in capsys.readouterr().err
