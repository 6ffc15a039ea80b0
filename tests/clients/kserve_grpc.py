"""KServe's InferenceGRPCClient."""

from functools import partial
from typing import Any

import grpc
import numpy as np
from kserve import InferenceGRPCClient, InferRequest
from kserve.protocol.infer_type import RequestedOutput
from tests.clients.cells import Cells, NotApplicable, equal, raises, sample, texts
from tests.clients.kserve_rest import output, tensor

from slipway_conformance.models import ADDER, SCALAR, identity
from slipway_conformance.tensors import VALUES

GRPC = Cells()
_FP32 = identity("FP32")


async def _infer(client: InferenceGRPCClient, model: str, inputs: list[Any], **more: Any) -> Any:
    return await client.infer(InferRequest(model, inputs, **more))


@GRPC.cell("health", "live")
async def _live(client: InferenceGRPCClient) -> None:
    assert await client.is_server_live() is True


@GRPC.cell("health", "ready")
async def _ready(client: InferenceGRPCClient) -> None:
    assert await client.is_server_ready() is True


@GRPC.cell("health", "model ready")
async def _model_ready(client: InferenceGRPCClient) -> None:
    assert await client.is_model_ready(_FP32) is True


@GRPC.cell("health", "unknown model is not ready")
async def _unknown_not_ready(client: InferenceGRPCClient) -> None:
    try:
        assert await client.is_model_ready("no-such-model") is False
    except grpc.RpcError as error:
        assert error.code() is grpc.StatusCode.NOT_FOUND  # noqa: PT017 - another status is a failure


async def _survives(datatype: str, client: InferenceGRPCClient, *, binary: bool) -> None:
    if not binary and datatype == "FP16":
        raise NotApplicable("gRPC has no typed FP16")
    answer = await _infer(client, identity(datatype), [tensor(sample(datatype), datatype, binary=binary)])
    equal(output(answer), sample(datatype))


for _group, _binary in (("infer raw", True), ("infer typed", False)):
    for _datatype in VALUES:
        GRPC.cell(_group, _datatype)(partial(_survives, _datatype, binary=_binary))


@GRPC.cell("infer", "requested outputs")
async def _requested(client: InferenceGRPCClient) -> None:
    left, right = np.array([1, 2], np.float32), np.array([10, 20], np.float32)
    inputs = [tensor(right, name="right"), tensor(left, name="left")]
    answer = await _infer(client, ADDER, inputs, request_outputs=[RequestedOutput("difference")])
    assert [one.name for one in answer.outputs] == ["difference"]
    equal(output(answer, "difference"), left - right)


@GRPC.cell("infer", "BYTES: empty, of several bytes")
async def _texts(client: InferenceGRPCClient) -> None:
    array = texts(["", "日本語 𝄞", "a\0b", "\n"]).reshape(2, 2)
    equal(output(await _infer(client, identity("BYTES"), [tensor(array, "BYTES")])), array)


@GRPC.cell("infer", "scalar")
async def _scalar(client: InferenceGRPCClient) -> None:
    array = np.array(2.5, np.float32)
    equal(output(await _infer(client, SCALAR, [tensor(array)])), array)


@GRPC.cell("infer", "zero-size")
async def _zero_size(client: InferenceGRPCClient) -> None:
    array = np.empty((0, 2), np.float32)
    equal(output(await _infer(client, _FP32, [tensor(array)])), array)


@GRPC.cell("infer", "id")
async def _id(client: InferenceGRPCClient) -> None:
    assert (await _infer(client, _FP32, [tensor(sample("FP32"))], request_id="request-1")).id == "request-1"


@GRPC.cell("errors", "unknown model")
async def _unknown_model(client: InferenceGRPCClient) -> None:
    request = [tensor(sample("FP32"))]
    await raises(grpc.RpcError, lambda: _infer(client, "no-such-model", request), "NOT_FOUND", "no-such-model")


@GRPC.cell("errors", "wrong shape")
async def _wrong_shape(client: InferenceGRPCClient) -> None:
    request = [tensor(np.zeros((1, 3), np.float32))]
    await raises(grpc.RpcError, lambda: _infer(client, _FP32, request), "INVALID_ARGUMENT", "[1, 3]")
