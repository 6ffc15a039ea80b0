"""Inferences by tritonclient: every datatype, every form of a request, compression and streams."""

import queue
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import numpy as np
from tests.clients.cells import Cells, NotApplicable, equal, sample, texts
from tests.clients.triton import Triton

from slipway_conformance.models import ADDER, CLASSIFIER, SCALAR, identity, probabilities
from slipway_conformance.tensors import VALUES

INFER = Cells()
_FP32 = identity("FP32")
_ROW = [5.0, 3.5, 1.5, 0.25]
_STREAM_SECONDS = 10
_ROWS_LARGE_ENOUGH = 1000
"""Answers of fewer bytes are not worth compressing."""


async def _binary(datatype: str, triton: Triton) -> None:
    inputs = [triton.tensor(sample(datatype), datatype)]
    answer = await triton.infer(identity(datatype), inputs, [triton.wish("output")])
    equal(answer.as_numpy("output"), sample(datatype))


async def _json(datatype: str, triton: Triton) -> None:
    triton.only_http()
    if datatype == "BF16":
        raise NotApplicable("this client writes no BF16 in JSON")
    inputs = [triton.tensor(sample(datatype), datatype, binary=False)]
    answer = await triton.infer(identity(datatype), inputs, [triton.wish("output", binary=False)])
    equal(answer.as_numpy("output"), sample(datatype))


for _datatype in VALUES:
    INFER.cell("infer binary", _datatype)(partial(_binary, _datatype))
for _datatype in VALUES:
    INFER.cell("infer JSON", _datatype)(partial(_json, _datatype))


@INFER.cell("infer", "default outputs")
async def _default(triton: Triton) -> None:
    answer = await triton.infer(_FP32, [triton.tensor(sample("FP32"))])
    equal(answer.as_numpy("output"), sample("FP32"))
    assert answer.as_numpy("other") is None


@INFER.cell("infer", "JSON in, bytes out")
async def _json_in(triton: Triton) -> None:
    triton.only_http()
    answer = await triton.infer(_FP32, [triton.tensor(sample("FP32"), binary=False)], [triton.wish("output")])
    equal(answer.as_numpy("output"), sample("FP32"))
    assert "binary_data_size" in answer.get_output("output")["parameters"]


@INFER.cell("infer", "bytes in, JSON out")
async def _json_out(triton: Triton) -> None:
    triton.only_http()
    answer = await triton.infer(_FP32, [triton.tensor(sample("FP32"))], [triton.wish("output", binary=False)])
    equal(answer.as_numpy("output"), sample("FP32"))
    assert "data" in answer.get_output("output")


@INFER.cell("infer", "one input JSON, one bytes")
async def _mixed(triton: Triton) -> None:
    triton.only_http()
    left, right = np.array([1, 2], np.float32), np.array([10, 20], np.float32)
    inputs = [triton.tensor(left, name="left", binary=False), triton.tensor(right, name="right")]
    answer = await triton.infer(ADDER, inputs)
    equal(answer.as_numpy("sum"), left + right)


@INFER.cell("infer", "requested outputs")
async def _requested(triton: Triton) -> None:
    left, right = np.array([1, 2], np.float32), np.array([10, 20], np.float32)
    inputs = [triton.tensor(right, name="right"), triton.tensor(left, name="left")]
    answer = await triton.infer(ADDER, inputs, [triton.wish("difference")])
    equal(answer.as_numpy("difference"), left - right)
    assert answer.as_numpy("sum") is None


@INFER.cell("infer", "BYTES: empty, of several bytes, with zero bytes")
async def _texts(triton: Triton) -> None:
    array = texts(["", "日本語 𝄞", "a\0b", "\n"]).reshape(2, 2)
    answer = await triton.infer(identity("BYTES"), [triton.tensor(array, "BYTES")])
    equal(answer.as_numpy("output"), array)


@INFER.cell("infer", "scalar")
async def _scalar(triton: Triton) -> None:
    array = np.array(2.5, np.float32)
    answer = await triton.infer(SCALAR, [triton.tensor(array)])
    equal(answer.as_numpy("output"), array)


@INFER.cell("infer", "zero-size")
async def _zero_size(triton: Triton) -> None:
    array = np.empty((0, 2), np.float32)
    answer = await triton.infer(_FP32, [triton.tensor(array)])
    equal(answer.as_numpy("output"), array)


@INFER.cell("infer", "zero-size in JSON")
async def _zero_size_json(triton: Triton) -> None:
    triton.only_http()
    array = np.empty((0, 2), np.float32)
    answer = await triton.infer(_FP32, [triton.tensor(array, binary=False)], [triton.wish("output", binary=False)])
    equal(answer.as_numpy("output"), array)


@INFER.cell("infer", "classification")
async def _classification(triton: Triton) -> None:
    inputs = [triton.tensor(np.array([_ROW], np.float32))]
    answer = await triton.infer(CLASSIFIER, inputs, [triton.wish("probabilities", classes=2)])
    best = answer.as_numpy("probabilities")
    assert best.shape == (1, 2)
    (row,) = probabilities([_ROW])
    score, index = best[0, 0].decode().split(":")[:2]
    assert int(index) == int(np.argmax(row))
    assert abs(float(score) - max(row)) < 1e-4


@INFER.cell("infer", "id")
async def _id(triton: Triton) -> None:
    answer = await triton.infer(_FP32, [triton.tensor(sample("FP32"))], request_id="request-1")
    response = answer.get_response()
    assert (response["id"] if triton.http else response.id) == "request-1"


@INFER.cell("infer", "version")
async def _version(triton: Triton) -> None:
    answer = await triton.infer(_FP32, [triton.tensor(sample("FP32"))], model_version="1")
    equal(answer.as_numpy("output"), sample("FP32"))


@INFER.cell("infer", "priority, timeout and parameters")
async def _parameters(triton: Triton) -> None:
    more: dict[str, Any] = {
        "priority": 1,
        "timeout": 10_000_000,
        "parameters": {"text": "x", "number": 3, "truth": True},
    }
    answer = await triton.infer(_FP32, [triton.tensor(sample("FP32"))], **more)
    equal(answer.as_numpy("output"), sample("FP32"))


@INFER.cell("infer", "stream")
async def _stream(triton: Triton) -> None:
    if triton.http:
        raise NotApplicable("streams are gRPC's alone")
    ids = ["request-1", "request-2"]
    inputs = [triton.tensor(sample("FP32"))]
    if hasattr(triton.client, "stream_infer"):

        async def requests() -> AsyncIterator[dict[str, Any]]:
            for one in ids:
                yield {"model_name": _FP32, "inputs": inputs, "request_id": one}

        answers = [answer async for answer in triton.client.stream_infer(requests())]
    else:
        arrived: queue.SimpleQueue[Any] = queue.SimpleQueue()
        triton.client.start_stream(lambda result, error: arrived.put((result, error)))
        for one in ids:
            triton.client.async_stream_infer(_FP32, inputs, request_id=one)
        answers = [arrived.get(timeout=_STREAM_SECONDS) for _ in ids]
        triton.client.stop_stream()
    for (result, error), one in zip(answers, ids, strict=True):
        assert error is None, error
        assert result.get_response().id == one
        equal(result.as_numpy("output"), sample("FP32"))


async def _compressed(request: str | None, response: str | None, triton: Triton) -> None:
    array = np.full((_ROWS_LARGE_ENOUGH, 2), 0.5, np.float32)
    if triton.http:
        more = {"request_compression_algorithm": request, "response_compression_algorithm": response}
    elif request is None:
        raise NotApplicable("gRPC has one choice for both directions")
    else:
        more = {"compression_algorithm": request}
    answer = await triton.infer(_FP32, [triton.tensor(array)], **more)
    equal(answer.as_numpy("output"), array)


for _algorithm in ("gzip", "deflate"):
    INFER.cell("compression", f"request {_algorithm}")(partial(_compressed, _algorithm, None))
    INFER.cell("compression", f"response {_algorithm}")(partial(_compressed, None, _algorithm))
