"""tritonclient, all four of it: HTTP and gRPC, each with and without asyncio."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from tests.clients.cells import Cells, NotApplicable, done, raises, sample
from tritonclient.utils import InferenceServerException

from slipway_conformance.models import ADDER, identity

TRITON = Cells()
_FP32 = identity("FP32")


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
