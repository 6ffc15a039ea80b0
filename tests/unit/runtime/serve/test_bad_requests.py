"""Whatever is wrong with a request, the answer is a 4xx with {"error"} that names the tensor and what was expected."""

import json
import socket
from typing import Any

import httpx
import pytest
from tests.unit.runtime.serve.process import Served

INFER = "/v2/models/iris/infer"


def one(**changes: Any) -> bytes:
    """A good request of one row, with changes to its tensor; ``...`` leaves a field out."""
    tensor = {"name": "input", "shape": [1, 4], "datatype": "FP32", "data": [1, 2, 3, 4], **changes}
    return json.dumps({"inputs": [{key: value for key, value in tensor.items() if value is not ...}]}).encode()


def whole(**fields: Any) -> bytes:
    return json.dumps(json.loads(one()) | fields).encode()


BODIES: list[tuple[str, bytes, tuple[str, ...]]] = [
    (INFER, b"", ("empty",)),
    (INFER, b"{", ("not JSON",)),
    (INFER, b"\xff\xfe", ("not JSON",)),
    (INFER, b"[" * 5000, ("not JSON",)),
    (INFER, b"[]", ("JSON object",)),
    (INFER, b"{}", ('"inputs"', '"input" FP32[-1, 4]')),
    (INFER, b'{"inputs": []}', ('"inputs"',)),
    (INFER, b'{"inputs": [3]}', ('"inputs"[0]',)),
    (INFER, whole(id=3), ('"id"', "string")),
    (INFER, whole(parameters=[1]), ('"parameters"',)),
    (INFER, whole(parameters={"a": {}}), ('"parameters"',)),
    (INFER, whole(outputs="probabilities"), ('"outputs"',)),
    (INFER, whole(outputs=[{}]), ('"outputs"[0]', '"name"')),
    (INFER, whole(outputs=[{"name": "label"}]), ('"label"', "unknown", '"probabilities"')),
    (INFER, whole(outputs=[{"name": "probabilities"}] * 2), ("twice",)),
    (INFER, whole(inputs=json.loads(one())["inputs"] * 2), ('"input"', "twice")),
    (INFER, one(name=...), ('"inputs"[0]', '"name"')),
    (INFER, one(name="x"), ('"x"', "unknown", '"input" FP32[-1, 4]')),
    (INFER, one(datatype=...), ('"input"', "FP32")),
    (INFER, one(datatype="FP64"), ('"input"', "'FP64'", "expects FP32")),
    (INFER, one(datatype=["FP32"]), ('"input"', "expects FP32")),
    (INFER, one(shape=...), ('"input"', '"shape"', "[-1, 4]")),
    (INFER, one(shape="1x4"), ('"input"', '"shape"')),
    (INFER, one(shape=[1, -4]), ('"input"', '"shape"')),
    (INFER, one(shape=[True, 4]), ('"input"', '"shape"')),
    (INFER, one(shape=[1.0, 4]), ('"input"', '"shape"')),
    (INFER, one(shape=[4]), ('"input"', "[4]", "[-1, 4]")),
    (INFER, one(shape=[1, 5]), ('"input"', "[1, 5]", "[-1, 4]")),
    (INFER, one(shape=[2, 4]), ('"input"', "4 elements", "needs 8")),
    (INFER, one(shape=[10**15, 4]), ('"input"', "4 elements")),
    (INFER, one(shape=[10**30, 4]), ('"input"',)),
    (INFER, one(data=...), ('"input"', '"data"', "4 FP32")),
    (INFER, one(data=None), ('"input"', "list")),
    (INFER, one(data="1234"), ('"input"', "list")),
    (INFER, one(data={}), ('"input"', "list")),
    (INFER, one(data=[]), ('"input"', "0 elements", "needs 4")),
    (INFER, one(data=[1, 2, 3]), ('"input"', "3 elements", "needs 4")),
    (INFER, one(data=[[1, 2], [3, 4]]), ('"input"', "nested as [2, 2]", "[1, 4]")),
    (INFER, one(data=[[1, 2, 3, 4], [5]]), ('"input"', "ragged")),
    (INFER, one(data=[1, [2], 3, 4]), ('"input"', "ragged")),
    (INFER, one(data=["1", "2", "3", "4"]), ('"input"', "FP32 elements must be numbers")),
    (INFER, one(data=[1, 2, 3, None]), ('"input"', "FP32 elements must be numbers")),
    (INFER, one(data=[True, False, True, True]), ('"input"', "FP32 elements must be numbers")),
    (INFER, one(data=[1, 2, 3, 1e39]), ('"input"', "too large for FP32")),
    (INFER, one(data=[{}, {}, {}, {}]), ('"input"', "FP32 elements must be numbers")),
    (INFER, one(data=[1, 2, 3, float("nan")]), ("not JSON",)),
    (INFER, one().replace(b"4]}", b"1e999]}"), ()),
    ("/v2/models/adder/infer", one(), ('"input"', "unknown", '"left"', '"right"')),
    ("/v2/models/adder/infer", one(name="left", shape=[4]), ('"right" is missing', "FP32[-1]")),
    (
        "/v2/models/adder/infer",
        json.dumps(
            {
                "inputs": [
                    {"name": name, "shape": [length], "datatype": "FP32", "data": [1] * length}
                    for name, length in (("left", 2), ("right", 3))
                ]
            }
        ).encode(),
        ("the model refused these values",),
    ),
    ("/v2/models/lookup/infer", one(name="index", shape=[1], datatype="INT64", data=[99]), ("the model refused",)),
    ("/v2/models/int8/infer", one(shape=[1, 2], datatype="INT8", data=[1, 128]), ('"input"', "INT8", "-128 and 127")),
    ("/v2/models/uint8/infer", one(shape=[1, 2], datatype="UINT8", data=[1, -1]), ('"input"', "0 and 255")),
    ("/v2/models/int64/infer", one(shape=[1, 2], datatype="INT64", data=[1, 2.5]), ('"input"', "integers")),
    ("/v2/models/int64/infer", one(shape=[1, 2], datatype="INT64", data=[1, 2**63]), ('"input"',)),
    ("/v2/models/int64/infer", one(shape=[1, 2], datatype="INT64", data=[1, 2**70]), ('"input"', "integers")),
    ("/v2/models/uint64/infer", one(shape=[1, 2], datatype="UINT64", data=[-1, 2**63]), ('"input"', "integers")),
    ("/v2/models/uint64/infer", one(shape=[1, 2], datatype="UINT64", data=[0.5, 1]), ('"input"', "integers")),
    ("/v2/models/bool/infer", one(shape=[1, 2], datatype="BOOL", data=[0, 1]), ('"input"', "true and false")),
    ("/v2/models/bytes/infer", one(shape=[1, 2], datatype="BYTES", data=["a", 1]), ('"input"', "strings")),
    ("/v2/models/bytes/infer", one(shape=[1, 2], datatype="BYTES", data=[["a"], ["b", "c"]]), ('"input"',)),
    ("/v2/models/fp16/infer", one(shape=[1, 2], datatype="FP16", data=[1, 65520]), ('"input"', "too large for FP16")),
    ("/predict", b'{"input_data": [[1, 2, 3, 4]]}', ('"model"', "iris")),
    ("/predict", b'{"model": 3, "input_data": [[1, 2, 3, 4]]}', ('"model"',)),
    ("/models/iris/predict", b"{}", ('"input_data"',)),
    ("/models/iris/predict", b'{"input_data": 1}', ('"input"', "list")),
    ("/models/iris/predict", b'{"input_data": [1, 2, 3, 4]}', ('"input"', "list of rows", "[4]")),
    ("/models/iris/predict", b'{"input_data": [[1, 2, 3]]}', ('"input"', "[1, 3]", "[-1, 4]")),
    ("/models/iris/predict", b'{"input_data": [["a", "b", "c", "d"]]}', ('"input"', "numbers")),
    ("/models/iris/predict", b'{"input_data": {"x": [[1]]}}', ('"x"', "unknown")),
    ("/models/iris/predict", b'{"input_data": [[1, 2, 3, 4]], "probabilities": 1}', ('"probabilities"',)),
    ("/models/adder/predict", b'{"input_data": [[1]]}', ("left", "right")),
    ("/models/adder/predict", b'{"input_data": {"left": [1]}}', ('"right" is missing',)),
]


def assert_error(response: httpx.Response, status: int, words: tuple[str, ...]) -> None:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    body = response.json()
    assert isinstance(body["error"], str)
    for word in words:
        assert word in body["error"]


@pytest.mark.parametrize(("path", "body", "words"), BODIES)
def test_bad_body(client: httpx.Client, path: str, body: bytes, words: tuple[str, ...]) -> None:
    assert_error(client.post(path, content=body), 400, words)


@pytest.mark.parametrize(
    ("method", "path", "status", "words"),
    [
        ("GET", "/v3", 404, ("/v2", "/docs")),
        ("GET", "/v2/models/iris/nothing", 404, ("/v2/models/iris/nothing",)),
        ("GET", "/v2/systemsharedmemory/status", 501, ("systemsharedmemory",)),
        ("POST", "/v2/repository/models/iris/load", 403, ("--admin",)),
        ("POST", "/v2/repository/models/iris/unload", 403, ("--admin",)),
        ("GET", "/v2/repository/index", 405, ("POST",)),
        ("GET", "/v1/models/none", 404, ('"none"',)),
        ("POST", "/v1/models/none:predict", 404, ('"none"',)),
        ("GET", "/v2/models/none", 404, ('"none"', "iris")),
        ("GET", "/v2/models/none/ready", 404, ('"none"',)),
        ("POST", "/v2/models/none/infer", 404, ('"none"',)),
        ("POST", "/models/none/predict", 404, ('"none"',)),
        ("GET", "/v2/models/iris/versions/9", 404, ('"9"',)),
        ("POST", "/v2/models/iris/versions/9/infer", 404, ('"9"',)),
        ("GET", "/v2/models/%00", 404, ()),
        ("GET", INFER, 405, ("POST",)),
        ("GET", "/predict", 405, ("POST",)),
        ("POST", "/v2/health/ready", 405, ("GET",)),
        ("DELETE", "/v2/models/iris", 405, ("GET",)),
        ("PUT", INFER, 405, ("POST",)),
    ],
)
def test_bad_route(client: httpx.Client, method: str, path: str, status: int, words: tuple[str, ...]) -> None:
    response = client.request(method, path)
    assert_error(response, status, words)
    assert ("allow" in response.headers) == (status == 405)


def test_too_large_body_with_length_is_refused_before_it_is_sent(many: Served) -> None:
    head = f"POST {INFER} HTTP/1.1\r\nhost: x\r\ncontent-length: {2**40}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", many.port), timeout=30) as connection:
        connection.sendall(head.encode())
        answer = b""
        while received := connection.recv(65536):
            answer += received
    assert answer.startswith(b"HTTP/1.1 413")
    assert b'{"error":"the body is larger than 1048576 bytes' in answer


def test_too_large_body_without_length(client: httpx.Client) -> None:
    assert_error(client.post(INFER, content=iter([b" " * 600_000, b" " * 600_000])), 413, ("1048576 bytes",))


def test_the_server_is_unimpressed(client: httpx.Client, many: Served) -> None:
    for path, body, _ in BODIES:
        client.post(path, content=body)
    assert client.post(INFER, content=one()).status_code == 200
    assert "crashed" not in many.log_text()
    assert "request failed" not in many.log_text()
