"""grpc.health.v1.Health: the state of the server and of each model, for probes and load balancers."""

from collections.abc import AsyncIterator

import grpc

from slipway_runtime.serve.errors import Fault, RequestError
from slipway_runtime.serve.grpc.codec import parsed
from slipway_runtime.serve.grpc.health_pb2 import HealthCheckRequest, HealthCheckResponse
from slipway_runtime.serve.grpc.inference import SERVICE as INFERENCE
from slipway_runtime.serve.grpc.methods import Handler, described
from slipway_runtime.serve.grpc.statuses import Context, refuse
from slipway_runtime.serve.repository import ModelRepository, Phase, State

SERVICE = "grpc.health.v1.Health"
_WHOLE = frozenset(("", INFERENCE))


class HealthService:
    """The server is healthy when it is ready; a model, when it also answers."""

    def __init__(self, repository: ModelRepository) -> None:
        """Tell of ``repository``."""
        self._repository = repository

    def handlers(self) -> dict[str, Handler]:
        """Handlers by the names of their methods."""
        return {
            "Check": described(HealthCheckRequest, self._check),
            "Watch": grpc.unary_stream_rpc_method_handler(self._watch),
        }

    def _check(self, request: HealthCheckRequest) -> HealthCheckResponse:
        status = self._status(request.service)
        if status == HealthCheckResponse.SERVICE_UNKNOWN:
            raise RequestError(Fault.NOT_FOUND, f'neither a service nor a model is named "{request.service}"')
        return HealthCheckResponse(status=status)

    async def _watch(self, content: bytes, context: Context) -> AsyncIterator[bytes]:
        """Tell the status now, and again whenever it is another; the client ends it."""
        try:
            service = parsed(HealthCheckRequest, content).service
        except RequestError as error:
            await refuse(context, error)
        last = None
        while True:
            status = self._status(service)
            if status != last:
                last = status
                yield HealthCheckResponse(status=status).SerializeToString()
                # It may have changed while the client had no room for it.
                continue
            await self._repository.changed()

    def _status(self, service: str) -> HealthCheckResponse.ServingStatus:
        serving = self._repository.phase is Phase.SERVING
        if service not in _WHOLE:
            listed = next((one for one in self._repository.index() if one.name == service), None)
            if listed is None:
                return HealthCheckResponse.SERVICE_UNKNOWN
            # A model that is loaded answers already while others are loading.
            serving = listed.state is State.READY and self._repository.phase is not Phase.DRAINING
        return HealthCheckResponse.SERVING if serving else HealthCheckResponse.NOT_SERVING
