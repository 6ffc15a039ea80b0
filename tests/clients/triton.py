"""tritonclient, all four of it: HTTP and gRPC, each with and without asyncio."""

import queue
from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Any

import numpy as np
from tests.clients.cells import Cells, NotApplicable, done, equal, raises, sample, texts
from tritonclient.utils import InferenceServerException

from slipway_conformance.models import ADDER, CLASSIFIER, SCALAR, identity, probabilities
from slipway_conformance.tensors import VALUES

TRITON = Cells()
_FP32 = identity("FP32")
_ROW = [5.0, 3.5, 1.5, 0.25]
_STREAM_SECONDS = 10
_ROWS_LARGE_ENOUGH = 1000
"""Answers of fewer bytes are not worth compressing."""


class Triton:
    """One kind of tritonclient; hides that HTTP and gRPC differ in a few words."""

    def __init__(self, module: Any, client: Any, *, http: bool) -> None:
        self.module = module
        self.client = client
        self.http = http

    async def call(self, method: str, *arguments: Any, **options: Any) -> Any:
        return await done(getattr(self.client, method)(*arguments, **options))

    async def told(self, method: str, *arguments: Any) -> Any:
        """An answer as a document; gRPC's is a message."""
        return await self.call(method, *arguments, **({} if self.http else {"as_json": True}))

    def tensor(self, array: Any, datatype: str = "FP32", *, name: str = "input", binary: bool = True) -> Any:
        tensor = self.module.InferInput(name, list(array.shape), datatype)
        tensor.set_data_from_numpy(array, **({"binary_data": binary} if self.http else {}))
        return tensor

    def wish(self, name: str, *, binary: bool = True, classes: int = 0) -> Any:
        options = {"binary_data": binary} if self.http else {}
        return self.module.InferRequestedOutput(name, class_count=classes, **options)

    async def infer(self, model: str, inputs: Sequence[Any], outputs: Sequence[Any] | None = None, **more: Any) -> Any:
        return await self.call("infer", model, list(inputs), outputs=outputs, **more)

    def only_http(self) -> None:
        if not self.http:
            raise NotApplicable("gRPC has no JSON")


@TRITON.cell("health", "live")
async def _live(triton: Triton) -> None:
    assert await triton.call("is_server_live") is True


@TRITON.cell("health", "ready")
async def _ready(triton: Triton) -> None:
    assert await triton.call("is_server_ready") is True


@TRITON.cell("health", "model ready")
async def _model_ready(triton: Triton) -> None:
    assert await triton.call("is_model_ready", _FP32) is True
    assert await triton.call("is_model_ready", _FP32, "1") is True


@TRITON.cell("health", "unknown model is not ready")
async def _unknown_not_ready(triton: Triton) -> None:
    try:
        assert await triton.call("is_model_ready", "no-such-model") is False
    except InferenceServerException as error:
        assert "NOT_FOUND" in str(error.status()), error  # noqa: PT017 - another status is a failure


@TRITON.cell("metadata", "server")
async def _server_metadata(triton: Triton) -> None:
    told = await triton.told("get_server_metadata")
    assert told["name"]
    assert told["version"]
    assert "binary_tensor_data" in told["extensions"]


@TRITON.cell("metadata", "model")
async def _model_metadata(triton: Triton) -> None:
    told = await triton.told("get_model_metadata", ADDER)
    assert told["name"] == ADDER
    assert told["platform"]
    assert told["versions"] == ["1"]
    shapes = {one["name"]: (one["datatype"], [int(dim) for dim in one["shape"]]) for one in told["inputs"]}
    assert shapes == {"left": ("FP32", [-1]), "right": ("FP32", [-1])}
    assert {one["name"] for one in told["outputs"]} == {"sum", "difference"}


@TRITON.cell("metadata", "configuration")
async def _config(triton: Triton) -> None:
    told = await triton.told("get_model_config", ADDER)
    config = told.get("config", told)
    assert config["name"] == ADDER
    assert {one["data_type"] for one in config["input"]} == {"TYPE_FP32"}


@TRITON.cell("repository", "index")
async def _index(triton: Triton) -> None:
    told = await triton.told("get_model_repository_index")
    models = {one["name"]: one for one in (told if isinstance(told, list) else told["models"])}
    assert models[ADDER]["state"] == "READY"


@TRITON.cell("repository", "unload and load")
async def _reload(triton: Triton) -> None:
    model = identity("INT8")
    await triton.call("unload_model", model)
    try:
        await _not_ready(triton, model)
    finally:
        await triton.call("load_model", model)
    assert await triton.call("is_model_ready", model) is True


async def _not_ready(triton: Triton, model: str) -> None:
    try:
        assert await triton.call("is_model_ready", model) is False
    except InferenceServerException:
        assert not triton.http, "over HTTP the client takes every status but 200 as False"


@TRITON.cell("repository", "unknown model does not load")
async def _unknown_load(triton: Triton) -> None:
    await raises(InferenceServerException, lambda: triton.call("load_model", "no-such-model"), "no-such-model")


@TRITON.cell("statistics", "one model")
async def _statistics(triton: Triton) -> None:
    before = await _successes(triton)
    await triton.infer(_FP32, [triton.tensor(sample("FP32"))])
    assert await _successes(triton) == before + 1


async def _successes(triton: Triton) -> int:
    (told,) = (await triton.told("get_inference_statistics", _FP32))["model_stats"]
    return int(told["inference_stats"]["success"].get("count", 0))


@TRITON.cell("statistics", "all models")
async def _all_statistics(triton: Triton) -> None:
    told = await triton.told("get_inference_statistics")
    assert {ADDER, _FP32} <= {one["name"] for one in told["model_stats"]}


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
    TRITON.cell("infer binary", _datatype)(partial(_binary, _datatype))
for _datatype in VALUES:
    TRITON.cell("infer JSON", _datatype)(partial(_json, _datatype))


@TRITON.cell("infer", "default outputs")
async def _default(triton: Triton) -> None:
    answer = await triton.infer(_FP32, [triton.tensor(sample("FP32"))])
    equal(answer.as_numpy("output"), sample("FP32"))
    assert answer.as_numpy("other") is None


@TRITON.cell("infer", "JSON in, bytes out")
async def _json_in(triton: Triton) -> None:
    triton.only_http()
    answer = await triton.infer(_FP32, [triton.tensor(sample("FP32"), binary=False)], [triton.wish("output")])
    equal(answer.as_numpy("output"), sample("FP32"))
    assert "binary_data_size" in answer.get_output("output")["parameters"]


@TRITON.cell("infer", "bytes in, JSON out")
async def _json_out(triton: Triton) -> None:
    triton.only_http()
    answer = await triton.infer(_FP32, [triton.tensor(sample("FP32"))], [triton.wish("output", binary=False)])
    equal(answer.as_numpy("output"), sample("FP32"))
    assert "data" in answer.get_output("output")


@TRITON.cell("infer", "one input JSON, one bytes")
async def _mixed(triton: Triton) -> None:
    triton.only_http()
    left, right = np.array([1, 2], np.float32), np.array([10, 20], np.float32)
    inputs = [triton.tensor(left, name="left", binary=False), triton.tensor(right, name="right")]
    answer = await triton.infer(ADDER, inputs)
    equal(answer.as_numpy("sum"), left + right)


@TRITON.cell("infer", "requested outputs")
async def _requested(triton: Triton) -> None:
    left, right = np.array([1, 2], np.float32), np.array([10, 20], np.float32)
    inputs = [triton.tensor(right, name="right"), triton.tensor(left, name="left")]
    answer = await triton.infer(ADDER, inputs, [triton.wish("difference")])
    equal(answer.as_numpy("difference"), left - right)
    assert answer.as_numpy("sum") is None


@TRITON.cell("infer", "BYTES: empty, of several bytes, with zero bytes")
async def _texts(triton: Triton) -> None:
    array = texts(["", "日本語 𝄞", "a\0b", "\n"]).reshape(2, 2)
    answer = await triton.infer(identity("BYTES"), [triton.tensor(array, "BYTES")])
    equal(answer.as_numpy("output"), array)


@TRITON.cell("infer", "scalar")
async def _scalar(triton: Triton) -> None:
    array = np.array(2.5, np.float32)
    answer = await triton.infer(SCALAR, [triton.tensor(array)])
    equal(answer.as_numpy("output"), array)


@TRITON.cell("infer", "zero-size")
async def _zero_size(triton: Triton) -> None:
    array = np.empty((0, 2), np.float32)
    answer = await triton.infer(_FP32, [triton.tensor(array)])
    equal(answer.as_numpy("output"), array)


@TRITON.cell("infer", "zero-size in JSON")
async def _zero_size_json(triton: Triton) -> None:
    triton.only_http()
    array = np.empty((0, 2), np.float32)
    answer = await triton.infer(_FP32, [triton.tensor(array, binary=False)], [triton.wish("output", binary=False)])
    equal(answer.as_numpy("output"), array)


@TRITON.cell("infer", "classification")
async def _classification(triton: Triton) -> None:
    inputs = [triton.tensor(np.array([_ROW], np.float32))]
    answer = await triton.infer(CLASSIFIER, inputs, [triton.wish("probabilities", classes=2)])
    best = answer.as_numpy("probabilities")
    assert best.shape == (1, 2)
    (row,) = probabilities([_ROW])
    score, index = best[0, 0].decode().split(":")[:2]
    assert int(index) == int(np.argmax(row))
    assert abs(float(score) - max(row)) < 1e-4


@TRITON.cell("infer", "id")
async def _id(triton: Triton) -> None:
    answer = await triton.infer(_FP32, [triton.tensor(sample("FP32"))], request_id="request-1")
    response = answer.get_response()
    assert (response["id"] if triton.http else response.id) == "request-1"


@TRITON.cell("infer", "version")
async def _version(triton: Triton) -> None:
    answer = await triton.infer(_FP32, [triton.tensor(sample("FP32"))], model_version="1")
    equal(answer.as_numpy("output"), sample("FP32"))


@TRITON.cell("infer", "priority, timeout and parameters")
async def _parameters(triton: Triton) -> None:
    more: dict[str, Any] = {
        "priority": 1,
        "timeout": 10_000_000,
        "parameters": {"text": "x", "number": 3, "truth": True},
    }
    answer = await triton.infer(_FP32, [triton.tensor(sample("FP32"))], **more)
    equal(answer.as_numpy("output"), sample("FP32"))


@TRITON.cell("infer", "stream")
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
    TRITON.cell("compression", f"request {_algorithm}")(partial(_compressed, _algorithm, None))
    TRITON.cell("compression", f"response {_algorithm}")(partial(_compressed, None, _algorithm))


@TRITON.cell("errors", "unknown model")
async def _unknown_model(triton: Triton) -> None:
    request = [triton.tensor(sample("FP32"))]
    await raises(InferenceServerException, lambda: triton.infer("no-such-model", request), "no-such-model")


@TRITON.cell("errors", "unknown model's metadata")
async def _unknown_metadata(triton: Triton) -> None:
    await raises(InferenceServerException, lambda: triton.told("get_model_metadata", "no-such-model"), "no-such-model")


@TRITON.cell("errors", "wrong shape")
async def _wrong_shape(triton: Triton) -> None:
    request = [triton.tensor(np.zeros((1, 3), np.float32))]
    await raises(InferenceServerException, lambda: triton.infer(_FP32, request), '"input"', "[1, 3]")


@TRITON.cell("errors", "wrong datatype")
async def _wrong_datatype(triton: Triton) -> None:
    request = [triton.tensor(sample("INT64"), "INT64")]
    await raises(InferenceServerException, lambda: triton.infer(_FP32, request), "INT64", "FP32")


@TRITON.cell("errors", "missing input")
async def _missing_input(triton: Triton) -> None:
    request = [triton.tensor(np.zeros(1, np.float32), name="left")]
    await raises(InferenceServerException, lambda: triton.infer(ADDER, request), '"right"')


@TRITON.cell("errors", "unknown output")
async def _unknown_output(triton: Triton) -> None:
    request, wish = [triton.tensor(sample("FP32"))], [triton.wish("other")]
    await raises(InferenceServerException, lambda: triton.infer(_FP32, request, wish), '"other"')
