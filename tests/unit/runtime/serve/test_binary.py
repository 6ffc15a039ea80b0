"""Tensors as bytes, over real HTTP to the real process."""

import gzip
import json
import struct
import zlib
from typing import Any

import httpx
import ml_dtypes
import numpy as np
import pytest

HEADER = "inference-header-content-length"
NUMBERS = {
    "BOOL": np.bool_,
    "UINT8": np.uint8,
    "UINT16": np.uint16,
    "UINT32": np.uint32,
    "UINT64": np.uint64,
    "INT8": np.int8,
    "INT16": np.int16,
    "INT32": np.int32,
    "INT64": np.int64,
    "FP16": np.float16,
    "FP32": np.float32,
    "FP64": np.float64,
    "BF16": ml_dtypes.bfloat16,
}
VALUES = [[0, 1], [1, 0], [1, 1]]


def post(client: httpx.Client, model: str, document: Any, *tensors: bytes, **headers: str) -> httpx.Response:
    head = json.dumps(document).encode()
    return client.post(
        f"/v2/models/{model}/infer",
        content=b"".join((head, *tensors)),
        headers={HEADER: str(len(head)), **{name.replace("_", "-"): value for name, value in headers.items()}},
    )


def tensor(datatype: str, shape: list[int], content: bytes, name: str = "input") -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": shape, "parameters": {"binary_data_size": len(content)}}


def answered(response: httpx.Response) -> list[tuple[dict[str, Any], bytes]]:
    """Each output with its bytes; b"" for one in JSON."""
    assert response.status_code == 200, response.text
    length = int(response.headers.get(HEADER, len(response.content)))
    document = json.loads(response.content[:length])
    rest, found = response.content[length:], []
    for output in document["outputs"]:
        size = output.get("parameters", {}).get("binary_data_size", 0)
        found.append((output, rest[:size]))
        rest = rest[size:]
    assert rest == b""
    return found


BINARY = {"binary_data_output": True}


@pytest.mark.parametrize("datatype", NUMBERS)
def test_numbers_go_there_and_back(client: httpx.Client, datatype: str) -> None:
    content = np.array(VALUES).astype(NUMBERS[datatype]).tobytes()
    document = {"inputs": [tensor(datatype, [3, 2], content)], "parameters": BINARY, "id": "x"}
    response = post(client, datatype.lower(), document, content)
    assert response.headers["content-type"] == "application/octet-stream"
    ((output, back),) = answered(response)
    assert back == content
    assert (output["datatype"], output["shape"]) == (datatype, [3, 2])


@pytest.mark.parametrize("datatype", NUMBERS)
def test_what_is_sent_as_bytes_may_come_back_as_json(client: httpx.Client, datatype: str) -> None:
    content = np.array(VALUES).astype(NUMBERS[datatype]).tobytes()
    ((output, back),) = answered(
        post(client, datatype.lower(), {"inputs": [tensor(datatype, [3, 2], content)]}, content)
    )
    assert back == b""
    assert output["data"] == [value for row in VALUES for value in row]


def test_bf16_in_json_is_rounded_to_the_nearest(client: httpx.Client) -> None:
    data = [1.00390625, -3.3e38]
    document = {"inputs": [{"name": "input", "datatype": "BF16", "shape": [1, 2], "data": data}]}
    told = client.post("/v2/models/bf16/infer", json=document).json()["outputs"][0]["data"]
    np.testing.assert_array_equal(np.array(told, np.float32), np.array(data, ml_dtypes.bfloat16).astype(np.float32))


TEXTS = ["", "plain", "grüße 🚢", "a\x00b"]


def strings(texts: list[str]) -> bytes:
    return b"".join(struct.pack("<I", len(text.encode())) + text.encode() for text in texts)


def test_strings_go_there_and_back(client: httpx.Client) -> None:
    content = strings(TEXTS)
    document = {
        "inputs": [tensor("BYTES", [2, 2], content)],
        "outputs": [{"name": "output", "parameters": {"binary_data": True}}],
    }
    ((output, back),) = answered(post(client, "bytes", document, content))
    assert back == content
    assert output["shape"] == [2, 2]


def test_inputs_and_outputs_of_both_kinds_mix(client: httpx.Client) -> None:
    left = np.array([1.5, 2.0], np.float32).tobytes()
    right = {"name": "right", "datatype": "FP32", "shape": [2], "data": [10, 20]}
    document = {"inputs": [right, tensor("FP32", [2], left, "left")]}
    ((output, _),) = answered(post(client, "adder", document, left))
    assert output["data"] == [11.5, 22.0]


@pytest.mark.parametrize("rows", [0, 1, 3])
def test_a_body_may_be_one_tensor_and_nothing_else(client: httpx.Client, rows: int) -> None:
    content = np.arange(rows * 2, dtype=np.float32).tobytes()
    response = client.post("/v2/models/fp32/infer", content=content, headers={HEADER: "0"})
    ((output, back),) = answered(response)
    assert output["shape"] == [rows, 2]
    assert back == content


def test_scalars_and_empty_tensors(client: httpx.Client) -> None:
    ((output, back),) = answered(post(client, "fp32", {"inputs": [tensor("FP32", [0, 2], b"")], "parameters": BINARY}))
    assert (output["shape"], back) == ([0, 2], b"")


BAD = [
    ({"inputs": [tensor("FP32", [1, 2], b"x" * 7)]}, b"x" * 7, ('"input"', "7 bytes given", "8 bytes")),
    ({"inputs": [tensor("FP32", [1, 2], b"x" * 8)]}, b"x" * 4, ('"input"', "4 bytes are left")),
    ({"inputs": [tensor("FP32", [1, 2], b"x" * 8)]}, b"x" * 9, ("1 bytes are left after the last tensor",)),
    ({"inputs": [{**tensor("FP32", [1, 2], b"x" * 8), "data": [1, 2]}]}, b"x" * 8, ('"input"', "both")),
    (
        {"inputs": [{**tensor("FP32", [1, 2], b""), "parameters": {"binary_data_size": "8"}}]},
        b"x" * 8,
        ("binary_data_size",),
    ),
    ({"inputs": [{**tensor("FP32", [1, 2], b""), "parameters": {"binary_data_size": -8}}]}, b"", ("binary_data_size",)),
    ({"inputs": [tensor("FP32", [1, 2**40], b"x" * 8)]}, b"x" * 8, ('"input"',)),
    (
        {"inputs": [tensor("FP32", [1, 2], b"x" * 8)], "parameters": {"binary_data_output": 1}},
        b"x" * 8,
        ("true or false",),
    ),
]


@pytest.mark.parametrize(("document", "content", "words"), BAD)
def test_wrong_bytes(client: httpx.Client, document: Any, content: bytes, words: tuple[str, ...]) -> None:
    response = post(client, "fp32", document, content)
    assert response.status_code == 400
    for word in words:
        assert word in response.json()["error"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\x01\x00\x00", ("0 elements", "needs 2")),
        (struct.pack("<I", 2**31) + b"abc", ("declares 2147483648 bytes", "3 are left")),
        (strings(["a", "b", "c"]), ("left after 2 elements",)),
        (struct.pack("<I", 1) + b"\xff" + strings(["a"]), ("UTF-8",)),
    ],
)
def test_wrong_strings(client: httpx.Client, content: bytes, words: tuple[str, ...]) -> None:
    response = post(client, "bytes", {"inputs": [tensor("BYTES", [1, 2], content)]}, content)
    assert response.status_code == 400
    for word in words:
        assert word in response.json()["error"]


@pytest.mark.parametrize("length", ["x", "-1", "99999999", "1.5", ""])
def test_a_wrong_length_of_the_json(client: httpx.Client, length: str) -> None:
    response = client.post("/v2/models/fp32/infer", content=b"{}", headers={HEADER: length})
    assert response.status_code == 400
    assert "Inference-Header-Content-Length" in response.json()["error"]


def test_a_bool_is_0_or_1(client: httpx.Client) -> None:
    response = post(client, "bool", {"inputs": [tensor("BOOL", [1, 2], b"\x00\x02")]}, b"\x00\x02")
    assert response.status_code == 400
    assert "0 or 1" in response.json()["error"]


DOCUMENT = {"inputs": [{"name": "input", "datatype": "FP32", "shape": [1, 2], "data": [1, 2]}]}


@pytest.mark.parametrize(
    ("encoding", "compress"),
    [
        ("gzip", gzip.compress),
        ("GZIP", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", lambda body: zlib.compress(body, wbits=-15)),
        ("identity", bytes),
    ],
)
def test_compressed_bodies(client: httpx.Client, encoding: str, compress: Any) -> None:
    content = compress(json.dumps(DOCUMENT).encode())
    response = client.post("/v2/models/fp32/infer", content=content, headers={"content-encoding": encoding})
    ((output, _),) = answered(response)
    assert output["data"] == [1, 2]


@pytest.mark.parametrize(
    ("encoding", "content", "status", "words"),
    [
        ("br", b"{}", 415, ("gzip, deflate",)),
        ("gzip", b"{}", 400, ("no gzip",)),
        ("gzip", gzip.compress(b"{}" * 100)[:-9], 400, ("cut off",)),
        ("gzip", gzip.compress(b" " * 2_000_000), 413, ("1048576 bytes",)),
    ],
)
def test_wrong_compressed_bodies(
    client: httpx.Client, encoding: str, content: bytes, status: int, words: tuple[str, ...]
) -> None:
    response = client.post("/v2/models/fp32/infer", content=content, headers={"content-encoding": encoding})
    assert response.status_code == status
    for word in words:
        assert word in response.json()["error"]


@pytest.mark.parametrize(("accepted", "encoding"), [("gzip", "gzip"), ("deflate", "deflate"), ("gzip, deflate", None)])
def test_answers_are_compressed_when_one_encoding_is_asked_for(
    client: httpx.Client, accepted: str, encoding: str | None
) -> None:
    document = {"inputs": [{"name": "input", "datatype": "FP32", "shape": [500, 2], "data": [1.5] * 1000}]}
    response = client.post("/v2/models/fp32/infer", json=document, headers={"accept-encoding": accepted})
    assert response.headers.get("content-encoding") == encoding
    assert response.json()["outputs"][0]["data"] == [1.5] * 1000
