"""Whatever is wrong with a call, it ends with a status that says so, and words that name the tensor."""

import struct
import time
from pathlib import Path
from typing import Any

import grpc
import httpx
import numpy as np
import pytest
from tests.unit.runtime.serve.calls import Calls, connected, described, raw, refused, row, typed
from tests.unit.runtime.serve.models import write_slow
from tests.unit.runtime.serve.process import started

from slipway_runtime.serve.errors import Fault
from slipway_runtime.serve.grpc import inference_pb2 as pb
from slipway_runtime.serve.grpc.statuses import STATUSES

FOUR = np.array([[1, 2, 3, 4]], np.float32)
GOOD = described("input", "FP32", [1, 4])


def iris(*inputs: pb.ModelInferRequest.InferInputTensor, **more: Any) -> pb.ModelInferRequest:
    return pb.ModelInferRequest(model_name="iris", inputs=inputs, **more)


def bytes_of(*elements: tuple[int, bytes]) -> bytes:
    return b"".join(struct.pack("<I", length) + content for length, content in elements)


def raw_text(content: bytes) -> pb.ModelInferRequest:
    return pb.ModelInferRequest(
        model_name="bytes", inputs=[described("input", "BYTES", [1, 2])], raw_input_contents=[content]
    )


REQUESTS: list[tuple[pb.ModelInferRequest, tuple[str, ...]]] = [
    (iris(), ("no inputs", '"input" FP32[-1, 4]')),
    (iris(described("x", "FP32", [1, 4])), ('"x"', "unknown", '"input" FP32[-1, 4]')),
    (iris(described("input", "FP64", [1, 4])), ('"input"', "'FP64'", "expects FP32")),
    (iris(described("input", "", [1, 4])), ('"input"', "expects FP32")),
    (iris(described("input", "FP32", [4])), ('"input"', "[4]", "[-1, 4]")),
    (iris(described("input", "FP32", [1, 5])), ('"input"', "[1, 5]", "[-1, 4]")),
    (iris(described("input", "FP32", [-1, 4])), ('"input"', "whole numbers", "[-1, 4]")),
    (iris(GOOD), ('"input"', "fp32_contents has 0 elements", "needs 4")),
    (iris(described("input", "FP32", [1, 4], {"int_contents": [1, 2, 3, 4]})), ("fp32_contents has 0 elements",)),
    (iris(described("input", "FP32", [1, 4], {"fp32_contents": [1]})), ("fp32_contents has 1 elements", "needs 4")),
    (iris(GOOD, raw_input_contents=[b"1234"]), ('"input"', "4 bytes given", "FP32[1, 4] needs 16 bytes")),
    (iris(GOOD, raw_input_contents=[FOUR.tobytes()] * 2), ("raw_input_contents has 2 entries", "1 inputs")),
    (iris(GOOD, GOOD, raw_input_contents=[FOUR.tobytes()] * 2), ('"input"', "twice")),
    (
        iris(described("input", "FP32", [1, 4], {"fp32_contents": [1, 2, 3, 4]}), raw_input_contents=[FOUR.tobytes()]),
        ('"input"', "contents beside raw_input_contents"),
    ),
    (row(outputs=[{"name": "label"}]), ('"label"', "unknown", '"probabilities"')),
    (row(outputs=[{"name": "probabilities"}] * 2), ('"probabilities"', "twice")),
    (
        row(outputs=[{"name": "probabilities", "parameters": {"classification": {"string_param": "x"}}}]),
        ('"classification"',),
    ),
    (row(parameters={"timeout": {"string_param": "soon"}}), ('"timeout"', "microseconds")),
    (row(parameters={"empty": {}}), ('"empty"', "no value")),
    (raw("adder", {"left": ("FP32", FOUR[0])}), ('"right" is missing', "FP32[-1]")),
    (raw("adder", {"left": ("FP32", FOUR[0]), "right": ("FP32", FOUR[0][:3])}), ("refused these values",)),
    (raw("lookup", {"input": ("INT64", FOUR[0])}), ('"input"', "unknown", '"index"')),
    (typed("fp16", "FP16", [1, 2], {"fp32_contents": [1, 2]}), ('"input"', "FP16 has no typed contents")),
    (typed("bf16", "BF16", [1, 2], {"fp32_contents": [1, 2]}), ('"input"', "BF16 has no typed contents")),
    (typed("int8", "INT8", [1, 2], {"int_contents": [1, 128]}), ('"input"', "INT8", "-128 and 127")),
    (typed("uint16", "UINT16", [1, 2], {"uint_contents": [1, 2**16]}), ("UINT16", "0 and 65535")),
    (typed("bytes", "BYTES", [1, 2], {"bytes_contents": [b"\xff", b""]}), ('"input"', "UTF-8")),
    (raw_text(bytes_of((1, b"a"))), ("1 elements", "needs 2")),
    (raw_text(bytes_of((1, b"a"), (9, b"b"))), ("element 1 declares 9 bytes", "1 are left")),
    (raw_text(bytes_of((1, b"a"), (1, b"b")) + b"c"), ("1 bytes are left after 2 elements",)),
    (raw_text(bytes_of((1, b"\xff"), (0, b""))), ("UTF-8",)),
    (raw("bool", {"input": ("BOOL", np.array([[0, 2]], np.uint8))}), ("BOOL must be 0 or 1",)),
]


@pytest.mark.parametrize(("request_", "words"), REQUESTS, ids=[words[-1] for _, words in REQUESTS])
def test_bad_input(calls: Calls, request_: pb.ModelInferRequest, words: tuple[str, ...]) -> None:
    with refused(grpc.StatusCode.INVALID_ARGUMENT, *words):
        calls.infer(request_)


@pytest.mark.parametrize(
    "content",
    [
        b"\x0a\xff",
        b"\xff" * 64,
        b"\x0a\x02\xff\xfe",
        b"\x3a\xff\xff\xff\xff\x0f",
        b"{" + b" " * 100_000,
        b"\x12" * 99_999,
    ],
)
def test_what_is_no_message_is_the_clients_fault(calls: Calls, content: bytes) -> None:
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "no inference.ModelInferRequest"):
        calls.infer_raw(content)


def test_unknown_model_and_version(calls: Calls) -> None:
    with refused(grpc.StatusCode.NOT_FOUND, 'model "none" is unknown', "iris"):
        calls.infer(pb.ModelInferRequest(model_name="none"))
    with refused(grpc.StatusCode.NOT_FOUND, 'no version "7"'):
        calls.infer(row(model_version="7"))
    large = pb.ModelInferRequest(model_name="none", raw_input_contents=[bytes(200_000)])
    with refused(grpc.StatusCode.NOT_FOUND, 'model "none" is unknown'):
        calls.infer(large)


def test_words_that_a_client_could_not_receive_are_cut(calls: Calls) -> None:
    with refused(grpc.StatusCode.NOT_FOUND, 'model "nnn', "…"):
        calls.infer(pb.ModelInferRequest(model_name="n" * 50_000))


def test_a_message_over_the_limit(calls: Calls) -> None:
    with refused(grpc.StatusCode.RESOURCE_EXHAUSTED):
        calls.infer_raw(bytes(257 * 1024 * 1024))


def test_methods_that_are_not_here(calls: Calls) -> None:
    with refused(grpc.StatusCode.UNIMPLEMENTED):
        calls.channel.unary_unary("/inference.GRPCInferenceService/SystemSharedMemoryStatus")(b"", timeout=10)


def test_what_nobody_waits_for_is_not_run(tmp_path: Path) -> None:
    """One thread runs a long request; of those in line behind it nobody waits for any when its turn comes."""
    write_slow(tmp_path / "slow.onnx", size=256, repeats=20)
    long, short = (raw("slow", {"input": ("FP32", np.zeros((rows, 1), np.float32))}) for rows in (12_000, 500))
    with (
        started(tmp_path, "--model", f"slow={tmp_path / 'slow.onnx'}", env={"SLIPWAY_CPUS": "1"}) as served,
        connected(served.target) as calls,
        httpx.Client(base_url=served.url) as page,
    ):
        served.wait_ready()
        running = calls.future(long.SerializeToString())
        # A large message may arrive later than small ones that were sent after it.
        while "slipway_serve_waiting 1" not in page.get("/metrics").text:
            assert not running.done(), "it ended before it was seen"
        late = calls.future(short.SerializeToString(), timeout=0.1)
        given_up = calls.future(short.SerializeToString())
        short.parameters["timeout"].int64_param = 1
        timed_out = calls.future(short.SerializeToString())
        while "slipway_serve_waiting 4" not in page.get("/metrics").text:
            assert not running.done(), "it ended before others were in line"
        given_up.cancel()
        with refused(grpc.StatusCode.DEADLINE_EXCEEDED):
            late.result()
        with refused(grpc.StatusCode.DEADLINE_EXCEEDED, "later than its timeout"):
            timed_out.result()
        running.result()
        while "slipway_serve_waiting 0" not in page.get("/metrics").text:
            time.sleep(0.005)
        text = page.get("/metrics").text
    assert 'slipway_serve_infer_seconds_count{model="slow"} 1' in text
    assert 'slipway_serve_requests_total{model="slow",code="499"} 1' in text
    assert 'slipway_serve_requests_total{model="slow",code="504"} 2' in text
    assert 'slipway_serve_requests_total{model="slow",code="200"} 1' in text


def test_a_queue_that_is_full_says_when_to_come_again(tmp_path: Path) -> None:
    write_slow(tmp_path / "slow.onnx", size=256, repeats=20)
    request = raw("slow", {"input": ("FP32", np.zeros((200_000, 1), np.float32))}).SerializeToString()
    with (
        started(tmp_path, "--model", f"slow={tmp_path / 'slow.onnx'}", env={"SLIPWAY_CPUS": "1"}) as served,
        connected(served.target) as calls,
        httpx.Client(base_url=served.url) as page,
    ):
        served.wait_ready()
        first = calls.future(request)
        while "slipway_serve_waiting 1" not in page.get("/metrics").text:
            assert not first.done(), "it ended before it was seen"
        with pytest.raises(grpc.RpcError) as refusal:
            calls.infer_raw(request)
        first.cancel()
    call: Any = refusal.value
    assert call.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "too many requests wait: 1" in call.details()
    assert int(dict(call.trailing_metadata())["retry-after"]) >= 5


def test_every_fault_has_a_status() -> None:
    assert STATUSES.keys() == set(Fault)
    assert grpc.StatusCode.UNKNOWN not in STATUSES.values()
