"""A gRPC client of the plain kind: a channel, our messages, and nothing that hides what goes over the wire."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import grpc
import numpy as np
from google.protobuf.message import Message

from slipway_runtime.serve.grpc import health_pb2, reflection_pb2
from slipway_runtime.serve.grpc import inference_pb2 as pb

SECONDS = 60
INFERENCE = "inference.GRPCInferenceService"
_OPTIONS = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
_AnswerT = TypeVar("_AnswerT", bound=Message)


class Calls:
    """Calls of one server."""

    def __init__(self, channel: grpc.Channel) -> None:
        # A call without serializers takes bytes, which the stubs do not know.
        self.channel: Any = channel

    def tell(self, method: str, request: Message, answer: type[_AnswerT], service: str = INFERENCE) -> _AnswerT:
        """Call a method of one message and one answer."""
        found: _AnswerT = self.channel.unary_unary(
            f"/{service}/{method}",
            request_serializer=type(request).SerializeToString,
            response_deserializer=answer.FromString,
        )(request, timeout=SECONDS)
        return found

    def infer(self, request: pb.ModelInferRequest, timeout: float = SECONDS) -> pb.ModelInferResponse:
        return self.infer_raw(request.SerializeToString(), timeout)

    def infer_raw(self, content: bytes, timeout: float = SECONDS) -> pb.ModelInferResponse:
        """Call ModelInfer with bytes that may be anything."""
        return pb.ModelInferResponse.FromString(self.future(content, timeout).result())

    def future(self, content: bytes, timeout: float = SECONDS) -> Any:
        """A call of ModelInfer that is under way."""
        return self.channel.unary_unary(f"/{INFERENCE}/ModelInfer").future(content, timeout=timeout)

    def stream(self, requests: Iterator[pb.ModelInferRequest]) -> Any:
        """A call of ModelStreamInfer: answers as they come."""
        return self.channel.stream_stream(
            f"/{INFERENCE}/ModelStreamInfer",
            request_serializer=pb.ModelInferRequest.SerializeToString,
            response_deserializer=pb.ModelStreamInferResponse.FromString,
        )(requests, timeout=SECONDS)

    def health(self, service: str = "") -> int:
        request = health_pb2.HealthCheckRequest(service=service)
        return self.tell("Check", request, health_pb2.HealthCheckResponse, "grpc.health.v1.Health").status

    def watch(self, service: str = "") -> Any:
        """A call of Health.Watch: states as they change."""
        return self.channel.unary_stream(
            "/grpc.health.v1.Health/Watch",
            request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
            response_deserializer=health_pb2.HealthCheckResponse.FromString,
        )(health_pb2.HealthCheckRequest(service=service), timeout=SECONDS)

    def reflect(self, package: str, *requests: reflection_pb2.ServerReflectionRequest) -> list[Any]:
        return list(
            self.channel.stream_stream(
                f"/{package}.ServerReflection/ServerReflectionInfo",
                request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
                response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
            )(iter(requests), timeout=SECONDS)
        )


@contextmanager
def connected(target: str) -> Iterator[Calls]:
    with grpc.insecure_channel(target, options=_OPTIONS) as channel:
        yield Calls(channel)


def raw(model: str, arrays: Mapping[str, tuple[str, Any]], **more: Any) -> pb.ModelInferRequest:
    """A request of raw tensors; each array has its datatype before it."""
    return pb.ModelInferRequest(
        model_name=model,
        inputs=[described(name, datatype, array.shape) for name, (datatype, array) in arrays.items()],
        raw_input_contents=[array.tobytes() for _, array in arrays.values()],
        **more,
    )


def typed(
    model: str, datatype: str, shape: Sequence[int], contents: Mapping[str, Any], **more: Any
) -> pb.ModelInferRequest:
    """A request of one input named ``input`` with typed elements."""
    return pb.ModelInferRequest(model_name=model, inputs=[described("input", datatype, shape, contents)], **more)


def described(
    name: str, datatype: str, shape: Sequence[int], contents: Mapping[str, Any] | None = None
) -> pb.ModelInferRequest.InferInputTensor:
    filled = None if contents is None else pb.InferTensorContents(**contents)
    return pb.ModelInferRequest.InferInputTensor(name=name, datatype=datatype, shape=shape, contents=filled)


def row(**more: Any) -> pb.ModelInferRequest:
    """A good request of one row for the iris model."""
    return raw("iris", {"input": ("FP32", np.array([[1, 2, 3, 4]], np.float32))}, **more)


@contextmanager
def refused(code: grpc.StatusCode, *words: str) -> Iterator[None]:
    """What is called inside ends with that status and words."""
    try:
        yield
    except grpc.RpcError as error:
        call: Any = error
        assert call.code() is code, (call.code(), call.details())
        for word in words:
            assert word in call.details(), call.details()
    else:
        raise AssertionError(f"the call went well; {code} was expected")
