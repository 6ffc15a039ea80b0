"""ModelInfer over a real channel to the real process: every datatype in both forms, and what comes back."""

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.unit.runtime.serve.calls import Calls, connected, described, raw, row, typed
from tests.unit.runtime.serve.models import WEIGHTS, write_scalar
from tests.unit.runtime.serve.process import started

from slipway_runtime.serve.grpc import inference_pb2 as pb

NUMBERS: dict[str, tuple[Any, list[Any], str | None]] = {
    "BOOL": (np.bool_, [True, False, False, True], "bool_contents"),
    "UINT8": (np.uint8, [0, 1, 254, 255], "uint_contents"),
    "UINT16": (np.uint16, [0, 1, 2, 2**16 - 1], "uint_contents"),
    "UINT32": (np.uint32, [0, 1, 2, 2**32 - 1], "uint_contents"),
    "UINT64": (np.uint64, [0, 1, 2, 2**64 - 1], "uint64_contents"),
    "INT8": (np.int8, [-128, -1, 0, 127], "int_contents"),
    "INT16": (np.int16, [-(2**15), -1, 0, 2**15 - 1], "int_contents"),
    "INT32": (np.int32, [-(2**31), -1, 0, 2**31 - 1], "int_contents"),
    "INT64": (np.int64, [-(2**63), -1, 0, 2**63 - 1], "int64_contents"),
    "FP16": (np.float16, [0.5, -2.0, 65504.0, float("inf")], None),
    "FP32": (np.float32, [0.5, -2.0, 1e30, float("-inf")], "fp32_contents"),
    "FP64": (np.float64, [0.5, -2.0, 1e300, float("inf")], "fp64_contents"),
}
TYPED = {datatype: case for datatype, case in NUMBERS.items() if case[2]}
TEXTS = ["", "plain", "ümläut \U0001f680", "with\0zero"]


def packed(texts: list[str]) -> bytes:
    return b"".join(struct.pack("<I", len(text.encode())) + text.encode() for text in texts)


@pytest.mark.parametrize(("datatype", "case"), NUMBERS.items(), ids=NUMBERS)
def test_raw_numbers_come_back_raw(calls: Calls, datatype: str, case: tuple[Any, list[Any], str]) -> None:
    array = np.array(case[1], case[0]).reshape(2, 2)
    answer = calls.infer(raw(datatype.lower(), {"input": (datatype, array)}, id="a-1"))
    assert (answer.model_name, answer.model_version, answer.id) == (datatype.lower(), "1", "a-1")
    (output,) = answer.outputs
    assert (output.name, output.datatype, list(output.shape)) == ("output", datatype, [2, 2])
    assert not output.HasField("contents")
    assert list(answer.raw_output_contents) == [array.tobytes()]


@pytest.mark.parametrize(("datatype", "case"), TYPED.items(), ids=TYPED)
def test_typed_numbers_come_back_typed(calls: Calls, datatype: str, case: tuple[Any, list[Any], str]) -> None:
    answer = calls.infer(typed(datatype.lower(), datatype, [2, 2], {case[2]: case[1]}))
    (output,) = answer.outputs
    assert (output.datatype, list(output.shape)) == (datatype, [2, 2])
    assert list(getattr(output.contents, case[2])) == np.array(case[1], case[0]).tolist()
    assert not answer.raw_output_contents
    assert answer.id == ""


def test_bytes_come_back_in_the_form_they_were_sent(calls: Calls) -> None:
    answer = calls.infer(typed("bytes", "BYTES", [2, 2], {"bytes_contents": [text.encode() for text in TEXTS]}))
    assert [element.decode() for element in answer.outputs[0].contents.bytes_contents] == TEXTS
    request = pb.ModelInferRequest(
        model_name="bytes", inputs=[described("input", "BYTES", [2, 2])], raw_input_contents=[packed(TEXTS)]
    )
    assert list(calls.infer(request).raw_output_contents) == [packed(TEXTS)]


def test_bf16_goes_as_bits(calls: Calls) -> None:
    bits = np.array([[0x3F80, 0xC000]], np.uint16)
    answer = calls.infer(raw("bf16", {"input": ("BF16", bits)}))
    assert answer.outputs[0].datatype == "BF16"
    assert list(answer.raw_output_contents) == [bits.tobytes()]


def test_typed_input_gets_raw_output_where_there_is_no_typed_form(calls: Calls) -> None:
    answer = calls.infer(typed("halves", "FP32", [1, 2], {"fp32_contents": [0.5, 2.0]}))
    assert [output.datatype for output in answer.outputs] == ["FP16"]
    assert list(answer.raw_output_contents) == [np.array([0.5, 2.0], np.float16).tobytes()]


def test_infer(calls: Calls, iris: tuple[Path, str]) -> None:
    rows = np.array([[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3]], np.float32)
    version = iris[1].removeprefix("sha256:")[:12]
    answer = calls.infer(raw("iris", {"input": ("FP32", rows)}, model_version=version))
    logits = rows @ WEIGHTS
    exponents = np.exp(logits - logits.max(axis=1, keepdims=True))
    found = np.frombuffer(answer.raw_output_contents[0], np.float32).reshape(2, 3)
    np.testing.assert_allclose(found, exponents / exponents.sum(axis=1, keepdims=True), rtol=1e-5)
    assert answer.model_version == version


def test_wanted_outputs_and_several_inputs(calls: Calls) -> None:
    one, two = np.array([1, 2], np.float32), np.array([10, 20], np.float32)
    request = raw("adder", {"right": ("FP32", two), "left": ("FP32", one)}, outputs=[{"name": "sum"}])
    assert np.frombuffer(calls.infer(request).raw_output_contents[0], np.float32).tolist() == [11, 22]


def test_classification(calls: Calls) -> None:
    wanted: Any = [{"name": "probabilities", "parameters": {"classification": {"int64_param": 2}}}]
    answer = calls.infer(typed("iris", "FP32", [1, 4], {"fp32_contents": [5.1, 3.5, 1.4, 0.2]}, outputs=wanted))
    (output,) = answer.outputs
    assert (output.datatype, list(output.shape)) == ("BYTES", [1, 2])
    labels = [element.decode().split(":")[2] for element in output.contents.bytes_contents]
    assert len(labels) == 2
    assert set(labels) < {"setosa", "versicolor", "virginica"}


def test_scalar(tmp_path: Path) -> None:
    write_scalar(tmp_path / "scalar.onnx")
    number = np.array(7, np.float32)
    with started(tmp_path, "--model", f"s={tmp_path}/scalar.onnx") as served, connected(served.target) as calls:
        served.wait_ready()
        assert list(calls.infer(raw("s", {"input": ("FP32", number)})).raw_output_contents) == [number.tobytes()]
        answer = calls.infer(typed("s", "FP32", [], {"fp32_contents": [7]}))
    assert (list(answer.outputs[0].shape), list(answer.outputs[0].contents.fp32_contents)) == ([], [7.0])


@pytest.mark.parametrize("form", ["raw", "typed"])
def test_no_rows(calls: Calls, form: str) -> None:
    nothing = np.empty((0, 2), np.float32)
    request = raw("fp32", {"input": ("FP32", nothing)}) if form == "raw" else typed("fp32", "FP32", [0, 2], {})
    answer = calls.infer(request)
    assert list(answer.outputs[0].shape) == [0, 2]
    assert list(answer.raw_output_contents) == ([b""] if form == "raw" else [])


def test_parameters_of_every_kind_are_taken(calls: Calls) -> None:
    parameters: Any = {
        "priority": {"int64_param": 3},
        "trace": {"bool_param": True},
        "note": {"string_param": "x"},
        "share": {"double_param": 0.5},
        "most": {"uint64_param": 2**63},
    }
    assert calls.infer(row(parameters=parameters)).outputs


def test_a_hundred_megabytes(calls: Calls) -> None:
    array = np.arange(25_000_000, dtype=np.float32).reshape(-1, 2)
    answer = calls.infer(raw("fp32", {"input": ("FP32", array)}))
    assert answer.raw_output_contents[0] == array.tobytes()


def test_the_largest_typed_request_that_the_loop_reads_equals_one_that_a_thread_reads(calls: Calls) -> None:
    for rows in (4_000, 20_000):
        values = np.arange(rows * 2, dtype=np.float32)
        answer = calls.infer(typed("fp32", "FP32", [rows, 2], {"fp32_contents": values.tolist()}))
        assert list(answer.outputs[0].contents.fp32_contents) == values.tolist()


def test_raw_tensors_of_a_large_message_keep_their_order(calls: Calls) -> None:
    one, two = np.arange(50_000, dtype=np.float32), np.full(50_000, 0.5, np.float32)
    for order in (("left", "right"), ("right", "left")):
        arrays = dict(zip(order, (("FP32", one), ("FP32", two)), strict=True))
        assert calls.infer(raw("adder", arrays)).raw_output_contents[0] == (one + two).tobytes()
