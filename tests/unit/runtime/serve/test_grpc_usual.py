"""A request that is known is read as it would be anew, or not known."""

from typing import Any

import numpy as np
import pytest
from tests.unit.runtime.serve.calls import described, raw
from tests.unit.runtime.serve.test_short_path import served

from slipway_runtime.serve.errors import RequestError
from slipway_runtime.serve.grpc import codec, wire
from slipway_runtime.serve.grpc import inference_pb2 as pb
from slipway_runtime.serve.grpc.usual import UsualRequests
from slipway_runtime.serve.repository import ModelRepository
from slipway_runtime.serve.tensors import Array

ROWS = np.arange(8, dtype=np.float32).reshape(2, 4)


def known() -> tuple[ModelRepository, UsualRequests]:
    repository = ModelRepository(("m",))
    repository.add(served())
    return repository, UsualRequests(repository)


def remember(repository: ModelRepository, usual: UsualRequests, message: pb.ModelInferRequest) -> bytes:
    content = message.SerializeToString()
    model = repository.get("m")
    request, form = codec.read(message, message.raw_input_contents, model)
    usual.remember(content, message, model, request, form)
    return content


def rows(array: Array = ROWS, **more: Any) -> pb.ModelInferRequest:
    return raw("m", {"input": ("FP32", array)}, **more)


@pytest.mark.parametrize("more", [{}, {"model_version": "1"}, {"outputs": [{"name": "output"}]}])
def test_other_numbers_in_the_same_words(more: dict[str, Any]) -> None:
    repository, usual = known()
    remember(repository, usual, rows(**more))
    message = rows(ROWS * 2, **more)
    found = usual.find(message.SerializeToString())
    assert found is not None
    expected, form = codec.read(message, message.raw_input_contents, repository.get("m"))
    assert found[0].form == form
    assert found[1]._replace(inputs={}) == expected._replace(inputs={}, parameters=found[1].parameters)
    np.testing.assert_array_equal(found[1].inputs["input"], ROWS * 2)
    assert not found[1].inputs["input"].flags.writeable


@pytest.mark.parametrize(
    "message",
    [
        rows(id="1"),
        rows(parameters={"timeout": {"int64_param": 1}}),
        rows(ROWS[:0]),
        pb.ModelInferRequest(
            model_name="m", inputs=[described("input", "FP32", [1, 4], {"fp32_contents": [1, 2, 3, 4]})]
        ),
    ],
)
def test_what_is_not_remembered(message: pb.ModelInferRequest) -> None:
    repository, usual = known()
    assert usual.find(remember(repository, usual, message)) is None


def test_another_shape_of_the_same_size_is_not_known() -> None:
    repository, usual = known()
    content = remember(repository, usual, rows())
    other = rows(ROWS.reshape(1, 8)).SerializeToString()
    assert len(other) == len(content)
    assert usual.find(other) is None


def test_a_model_that_was_loaded_again_is_not_known_and_one_that_is_gone_is_refused() -> None:
    repository, usual = known()
    content = remember(repository, usual, rows())
    repository.add(served())
    assert usual.find(content) is None
    repository.remove("m", "gone")
    with pytest.raises(RequestError, match="gone"):
        usual.find(content)


def test_a_tensor_that_does_not_stand_last_is_read_anew() -> None:
    repository, usual = known()
    message = rows()
    content = remember(repository, usual, message)
    start = wire.start_of_only_tensor(content)
    assert start == len(content) - ROWS.nbytes
    assert content[start:] == ROWS.tobytes()
    shuffled = content + wire.field(2, b"1")
    assert wire.start_of_only_tensor(shuffled) is None
    assert wire.start_of_only_tensor(content + wire.field(7, b"1")) is None
    assert wire.start_of_only_tensor(content[:-1]) is None
    assert usual.find(shuffled) is None


def test_parts_of_a_message() -> None:
    message = rows(id="7")
    parts = wire.parted(message.SerializeToString())
    assert parts is not None
    assert parts[1] == [ROWS.tobytes()]
    del message.raw_input_contents[:]
    assert pb.ModelInferRequest.FromString(parts[0]) == message
    assert wire.model_name(message.SerializeToString()) == "m"
    assert wire.field(6, bytes(300)) == pb.ModelInferResponse(raw_output_contents=[bytes(300)]).SerializeToString()
