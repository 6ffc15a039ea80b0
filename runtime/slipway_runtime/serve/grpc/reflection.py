"""Server reflection: what services there are, for clients such as grpcurl that bring no .proto file."""

from collections.abc import AsyncIterator
from typing import Any

import grpc

from slipway_runtime.serve.errors import RequestError
from slipway_runtime.serve.grpc import health_pb2, inference_pb2
from slipway_runtime.serve.grpc import reflection_pb2 as pb
from slipway_runtime.serve.grpc.codec import parsed
from slipway_runtime.serve.grpc.statuses import Context, refuse


async def reflect(contents: AsyncIterator[bytes], context: Context) -> AsyncIterator[bytes]:
    """Answer each question."""
    index = _Index()
    async for content in contents:
        try:
            request = parsed(pb.ServerReflectionRequest, content)
        except RequestError as error:
            await refuse(context, error)
        yield index.answer(request).SerializeToString()


class _Index:
    """Files by their names, and by what they define."""

    def __init__(self) -> None:
        self._files: dict[str, bytes] = {}
        self._symbols: dict[str, bytes] = {}
        self._services: list[str] = []
        for module in (inference_pb2, health_pb2, pb):
            self._add(module.DESCRIPTOR)

    def answer(self, request: pb.ServerReflectionRequest) -> pb.ServerReflectionResponse:
        """The files or names that are asked for, or the error that there are none."""
        response = pb.ServerReflectionResponse(valid_host=request.host, original_request=request)
        match request.WhichOneof("message_request"):
            case "list_services":
                services = [pb.ServiceResponse(name=name) for name in self._services]
                response.list_services_response.service.extend(services)
            case "file_by_filename":
                self._found(response, self._files.get(request.file_by_filename), request.file_by_filename)
            case "file_containing_symbol":
                self._found(response, self._symbols.get(request.file_containing_symbol), request.file_containing_symbol)
            case _:
                # The other questions are about extensions, which these files have none of.
                self._found(response, None, "an extension")
        return response

    @staticmethod
    def _found(response: pb.ServerReflectionResponse, file: bytes | None, name: str) -> None:
        if file is None:
            response.error_response.error_code = grpc.StatusCode.NOT_FOUND.value[0]
            response.error_response.error_message = f"not found: {name}"
        else:
            response.file_descriptor_response.file_descriptor_proto.append(file)

    def _add(self, file: Any) -> None:
        content = file.serialized_pb
        self._files[file.name] = content
        for service in file.services_by_name.values():
            self._services.append(service.full_name)
            self._symbols[service.full_name] = content
            self._symbols.update({method.full_name: content for method in service.methods})
        for message in file.message_types_by_name.values():
            self._add_message(message, content)
        for enum in file.enum_types_by_name.values():
            self._symbols[enum.full_name] = content

    def _add_message(self, message: Any, content: bytes) -> None:
        self._symbols[message.full_name] = content
        for nested in message.nested_types:
            self._add_message(nested, content)
        for enum in message.enum_types:
            self._symbols[enum.full_name] = content
