"""inference.GRPCInferenceService: what inferences answer, and what the server tells about itself and its models."""

import asyncio
from collections.abc import AsyncIterator

from slipway_runtime.serve.administration import Administration
from slipway_runtime.serve.errors import Fault, RequestError
from slipway_runtime.serve.grpc import inference_pb2 as pb
from slipway_runtime.serve.grpc import wire
from slipway_runtime.serve.grpc.exchange import GrpcExchange
from slipway_runtime.serve.grpc.methods import Handler, described, stream, unary
from slipway_runtime.serve.grpc.statuses import Context, refuse, told
from slipway_runtime.serve.grpc.usual import UsualRequests
from slipway_runtime.serve.inferences import Inferences
from slipway_runtime.serve.model import ServedModel
from slipway_runtime.serve.protocols.described import model_config, model_metadata, repository_index, server_metadata
from slipway_runtime.serve.repository import Phase

SERVICE = "inference.GRPCInferenceService"
_INFER_RESPONSE = 2


class InferenceService:
    """Answers from the models of ``inferences``, which HTTP shares."""

    def __init__(self, inferences: Inferences, administration: Administration, leaving: asyncio.Event) -> None:
        """Serve the repository of ``inferences``, whose models requests may change by ``administration``.

        Streams take no more messages once ``leaving`` is set.
        """
        self._inferences = inferences
        self._leaving = leaving
        self._repository = inferences.repository
        self._usual = UsualRequests(inferences.repository)
        self._administration = administration

    def handlers(self) -> dict[str, Handler]:
        """Handlers by the names of their methods."""
        return {
            "ModelInfer": unary(self._infer),
            "ModelStreamInfer": stream(self._stream),
            "ServerLive": described(pb.ServerLiveRequest, lambda _: pb.ServerLiveResponse(live=True)),
            "ServerReady": described(pb.ServerReadyRequest, self._server_ready),
            "ModelReady": described(pb.ModelReadyRequest, self._model_ready),
            "ServerMetadata": described(pb.ServerMetadataRequest, self._server_metadata),
            "ModelMetadata": described(pb.ModelMetadataRequest, self._model_metadata),
            "ModelConfig": described(pb.ModelConfigRequest, self._model_config),
            "ModelStatistics": described(pb.ModelStatisticsRequest, self._statistics),
            "RepositoryIndex": described(pb.RepositoryIndexRequest, self._index),
            "RepositoryModelLoad": described(pb.RepositoryModelLoadRequest, self._load),
            "RepositoryModelUnload": described(pb.RepositoryModelUnloadRequest, self._unload),
        }

    async def _infer(self, message: bytes, context: Context) -> bytes:
        exchange = GrpcExchange(self._inferences, self._usual, message, context.time_remaining())
        answer = await self._answer(exchange)
        if not isinstance(answer, bytes):
            await refuse(context, answer)
        return answer

    async def _stream(self, messages: AsyncIterator[bytes], context: Context) -> AsyncIterator[bytes]:
        """Answer one message after the other; the next is read once the client has room for the answer to this one."""
        async for message in messages:
            if self._leaving.is_set():
                await refuse(context, RequestError(Fault.UNAVAILABLE, "the server is leaving; open another stream"))
            exchange = GrpcExchange(self._inferences, self._usual, message, context.time_remaining())
            answer = await self._answer(exchange)
            if isinstance(answer, bytes):
                yield wire.field(_INFER_RESPONSE, answer)
            else:
                _, words = told(answer)
                failed = pb.ModelInferResponse(id=exchange.id)
                yield pb.ModelStreamInferResponse(error_message=words, infer_response=failed).SerializeToString()

    async def _answer(self, exchange: GrpcExchange) -> bytes | Exception:
        self._inferences.calls += 1
        self._inferences.calls_begun += 1
        try:
            self._inferences.begin(exchange)
            return await exchange.reply
        finally:
            self._inferences.calls -= 1

    def _server_ready(self, _: pb.ServerReadyRequest) -> pb.ServerReadyResponse:
        return pb.ServerReadyResponse(ready=self._repository.phase is Phase.SERVING)

    def _model_ready(self, request: pb.ModelReadyRequest) -> pb.ModelReadyResponse:
        try:
            self._find(request)
        except RequestError as error:
            if error.fault is not Fault.UNAVAILABLE:
                raise
            return pb.ModelReadyResponse(ready=False)
        return pb.ModelReadyResponse(ready=True)

    def _server_metadata(self, _: pb.ServerMetadataRequest) -> pb.ServerMetadataResponse:
        return pb.ServerMetadataResponse(**server_metadata(admin=self._administration.allowed))

    def _model_metadata(self, request: pb.ModelMetadataRequest) -> pb.ModelMetadataResponse:
        return pb.ModelMetadataResponse(**model_metadata(self._find(request)))

    def _model_config(self, request: pb.ModelConfigRequest) -> pb.ModelConfigResponse:
        return pb.ModelConfigResponse(config=model_config(self._find(request)))

    def _statistics(self, request: pb.ModelStatisticsRequest) -> pb.ModelStatisticsResponse:
        models = (self._find(request),) if request.name else self._repository.loaded()
        return pb.ModelStatisticsResponse(
            model_stats=[model.statistics.told(model.name, model.version) for model in models]
        )

    def _index(self, request: pb.RepositoryIndexRequest) -> pb.RepositoryIndexResponse:
        return pb.RepositoryIndexResponse(models=repository_index(self._repository.index(only_ready=request.ready)))

    async def _load(self, request: pb.RepositoryModelLoadRequest) -> pb.RepositoryModelLoadResponse:
        await self._administration.load(request.model_name, request.parameters)
        return pb.RepositoryModelLoadResponse()

    def _unload(self, request: pb.RepositoryModelUnloadRequest) -> pb.RepositoryModelUnloadResponse:
        self._administration.unload(request.model_name)
        return pb.RepositoryModelUnloadResponse()

    def _find(
        self,
        request: pb.ModelReadyRequest | pb.ModelMetadataRequest | pb.ModelConfigRequest | pb.ModelStatisticsRequest,
    ) -> ServedModel:
        return self._repository.get(request.name, request.version or None)
