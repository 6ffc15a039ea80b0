"""The gRPC server: its options, its services, and how it listens."""

import asyncio
from collections.abc import AsyncIterator

import grpc

from slipway_runtime.serve.administration import Administration
from slipway_runtime.serve.errors import ConfigInvalid
from slipway_runtime.serve.grpc import health, inference
from slipway_runtime.serve.grpc.front import GrpcOptions
from slipway_runtime.serve.grpc.methods import Handler, Methods, stream
from slipway_runtime.serve.grpc.statuses import Context
from slipway_runtime.serve.inferences import Inferences
from slipway_runtime.serve.tls import Certificate

# Both names of the one protocol.
_REFLECTION = ("grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection")
_UNLIMITED = -1
_SECOND = 1000
_OPTIONS = (
    ("grpc.max_send_message_length", _UNLIMITED),
    # A port that another process has is an error, not a port to share.
    ("grpc.so_reuseport", 0),
    # Clients and load balancers may ask every ten seconds whether the connection lives, idle ones too; the library's
    # default of five minutes ends theirs with "too many pings".
    ("grpc.http2.min_ping_interval_without_data_ms", 10 * _SECOND),
    ("grpc.keepalive_permit_without_calls", 1),
    # And so that a client that is gone without a word is noticed. Idle for longer than load balancers allow: who closes
    # first loses a call.
    ("grpc.keepalive_time_ms", 60 * _SECOND),
    ("grpc.keepalive_timeout_ms", 20 * _SECOND),
)


def new_server(
    inferences: Inferences, administration: Administration, leaving: asyncio.Event, options: GrpcOptions
) -> grpc.aio.Server:
    """A server of all services that does not listen yet. Whoever stops it sets ``leaving`` before."""
    server = grpc.aio.server(
        options=(
            *_OPTIONS,
            ("grpc.max_receive_message_length", options.max_message),
            # Its calls run on. So new pods and changed weights get their share of clients that never reconnect by
            # themselves, and a server that leaves is rid of its clients before it goes.
            ("grpc.max_connection_age_ms", round(options.connection_age * _SECOND)),
        )
    )
    services = {
        inference.SERVICE: inference.InferenceService(inferences, administration, leaving).handlers(),
        health.SERVICE: health.HealthService(inferences.repository).handlers(),
        **{name: {"ServerReflectionInfo": stream(_reflect)} for name in _REFLECTION},
    }
    handlers: dict[str, Handler] = {
        f"/{service}/{method}": handler for service, methods in services.items() for method, handler in methods.items()
    }
    server.add_generic_rpc_handlers((Methods(handlers, options.keys),))
    return server


async def listen(server: grpc.aio.Server, options: GrpcOptions) -> None:
    """Answer calls from now on.

    Raises:
        ConfigInvalid: the port is not free.
    """
    host = f"[{options.host}]" if ":" in options.host else options.host
    address = f"{host}:{options.port}"
    try:
        if options.certificate is None:
            bound = server.add_insecure_port(address)
        else:
            bound = server.add_secure_port(address, _credentials(options.certificate))
    except RuntimeError:
        bound = 0
    if bound == 0:
        raise ConfigInvalid(f"cannot listen on {address} for gRPC; choose another --grpc-port, or 0 for none")
    await server.start()


def _credentials(certificate: Certificate) -> grpc.ServerCredentials:
    """Credentials that have the renewed certificate for every connection that is made after its renewal."""

    def current() -> grpc.ServerCertificateConfiguration:
        return grpc.ssl_server_certificate_configuration([certificate.pair])

    return grpc.dynamic_ssl_server_credentials(current(), current)


async def _reflect(contents: AsyncIterator[bytes], context: Context) -> AsyncIterator[bytes]:
    # Imported late: few ask.
    from slipway_runtime.serve.grpc.reflection import reflect

    async for answer in reflect(contents, context):
        yield answer
