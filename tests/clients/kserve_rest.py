"""KServe's InferenceRESTClient, with the protocols v2 and v1."""

from functools import partial
from typing import Any

import httpx
import numpy as np
from kserve import InferenceRESTClient, InferInput, InferRequest
from kserve.inference_client import RESTConfig
from kserve.protocol.infer_type import RequestedOutput
from tests.clients.cells import Cells, NotApplicable, equal, raises, sample, texts

from slipway_conformance.models import ADDER, SCALAR, identity
from slipway_conformance.tensors import VALUES

REST = Cells()
V1 = Cells()
_FP32 = identity("FP32")
_HALVES = ("FP16", "BF16")


class Kserve:
    """The client with one protocol and one server."""

    def __init__(self, url: str, protocol: str) -> None:
        self.url = url
        self.client = InferenceRESTClient(RESTConfig(protocol=protocol, timeout=20))

    async def infer(self, model: str, inputs: list[Any], **more: Any) -> Any:
        return await self.client.infer(self.url, InferRequest(model, inputs, **more), model_name=model)


def tensor(array: Any, datatype: str = "FP32", *, name: str = "input", binary: bool = True) -> Any:
    """An input; the client knows no BF16."""
    if datatype == "BF16":
        raise NotApplicable("this client has no BF16")
    made = InferInput(name, list(array.shape), datatype)
    made.set_data_from_numpy(array, binary_data=binary)
    return made


def output(answer: Any, name: str = "output") -> Any:
    """An output as an array."""
    (found,) = [one for one in answer.outputs if one.name == name]
    return found.as_numpy()


@REST.cell("health", "live")
async def _live(kserve: Kserve) -> None:
    assert await kserve.client.is_server_live(kserve.url) is True


@REST.cell("health", "ready")
async def _ready(kserve: Kserve) -> None:
    assert await kserve.client.is_server_ready(kserve.url) is True


@REST.cell("health", "model ready")
async def _model_ready(kserve: Kserve) -> None:
    assert await kserve.client.is_model_ready(kserve.url, _FP32) is True


@REST.cell("health", "unknown model is not ready")
async def _unknown_not_ready(kserve: Kserve) -> None:
    try:
        assert not await kserve.client.is_model_ready(kserve.url, "no-such-model")
    except httpx.HTTPStatusError as error:
        assert error.response.status_code == 404  # noqa: PT017 - another status is a failure


async def _survives(datatype: str, kserve: Kserve, *, binary_in: bool, binary_out: bool) -> None:
    if not binary_in and datatype in _HALVES:
        raise NotApplicable(f"this client writes no {datatype} in JSON")
    more = {"parameters": {"binary_data_output": True}} if binary_out else {}
    answer = await kserve.infer(identity(datatype), [tensor(sample(datatype), datatype, binary=binary_in)], **more)
    equal(output(answer), sample(datatype))


for _group, _in, _out in (
    ("infer binary", True, True),
    ("infer binary, JSON out", True, False),
    ("infer JSON", False, False),
):
    for _datatype in VALUES:
        REST.cell(_group, _datatype)(partial(_survives, _datatype, binary_in=_in, binary_out=_out))


@REST.cell("infer", "requested outputs")
async def _requested(kserve: Kserve) -> None:
    left, right = np.array([1, 2], np.float32), np.array([10, 20], np.float32)
    inputs = [tensor(right, name="right"), tensor(left, name="left", binary=False)]
    wish = [RequestedOutput("difference", {"binary_data": True})]
    answer = await kserve.infer(ADDER, inputs, request_outputs=wish)
    assert [one.name for one in answer.outputs] == ["difference"]
    equal(output(answer, "difference"), left - right)


@REST.cell("infer", "BYTES: empty, of several bytes")
async def _texts(kserve: Kserve) -> None:
    array = texts(["", "日本語 𝄞", "a\0b", "\n"]).reshape(2, 2)
    equal(output(await kserve.infer(identity("BYTES"), [tensor(array, "BYTES")])), array)


for _name, _binary in (("", True), (" in JSON", False)):

    @REST.cell("infer", f"scalar{_name}")
    async def _scalar(kserve: Kserve, binary: bool = _binary) -> None:  # noqa: FBT001 - a parameter of the table
        array = np.array(2.5, np.float32)
        equal(output(await kserve.infer(SCALAR, [tensor(array, binary=binary)])), array)

    @REST.cell("infer", f"zero-size{_name}")
    async def _zero_size(kserve: Kserve, binary: bool = _binary) -> None:  # noqa: FBT001 - a parameter of the table
        array = np.empty((0, 2), np.float32)
        equal(output(await kserve.infer(_FP32, [tensor(array, binary=binary)])), array)


@REST.cell("infer", "id")
async def _id(kserve: Kserve) -> None:
    answer = await kserve.infer(_FP32, [tensor(sample("FP32"))], request_id="request-1")
    assert answer.id == "request-1"


@REST.cell("errors", "unknown model")
async def _unknown_model(kserve: Kserve) -> None:
    request = [tensor(sample("FP32"))]
    await raises(httpx.HTTPStatusError, lambda: kserve.infer("no-such-model", request), '"no-such-model" is unknown')


@REST.cell("errors", "wrong shape")
async def _wrong_shape(kserve: Kserve) -> None:
    request = [tensor(np.zeros((1, 3), np.float32))]
    await raises(httpx.HTTPStatusError, lambda: kserve.infer(_FP32, request), '"input"', "[1, 3]")


@V1.cell("health", "live")
async def _v1_live(kserve: Kserve) -> None:
    assert await kserve.client.is_server_live(kserve.url) is True


@V1.cell("health", "model ready")
async def _v1_model_ready(kserve: Kserve) -> None:
    assert await kserve.client.is_model_ready(kserve.url, _FP32)


@V1.cell("infer", "instances")
async def _instances(kserve: Kserve) -> None:
    answer = await kserve.client.infer(kserve.url, {"instances": [[1.5, 2.5]]}, model_name=_FP32)
    assert answer["predictions"] == [[1.5, 2.5]]


@V1.cell("errors", "unknown model")
async def _v1_unknown_model(kserve: Kserve) -> None:
    ask = partial(kserve.client.infer, kserve.url, {"instances": [[1]]}, model_name="no-such-model")
    await raises(httpx.HTTPStatusError, ask, '"no-such-model" is unknown')
