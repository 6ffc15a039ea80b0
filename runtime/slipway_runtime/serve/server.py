"""The process's life: listen, load, serve, drain."""

import asyncio
import logging
import signal
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from slipway_runtime.serve.access_log import AccessLog
from slipway_runtime.serve.accounts import Accounts
from slipway_runtime.serve.administration import Administration
from slipway_runtime.serve.admission import Admission
from slipway_runtime.serve.auth import ApiKeys
from slipway_runtime.serve.changes import Changes, Secret
from slipway_runtime.serve.cpus import usable_cores
from slipway_runtime.serve.errors import ConfigInvalid
from slipway_runtime.serve.grpc.front import GrpcFront, GrpcOptions
from slipway_runtime.serve.http.connection import Connection
from slipway_runtime.serve.http.connections import Connections
from slipway_runtime.serve.http.routes import HttpApplication
from slipway_runtime.serve.inferences import Inferences
from slipway_runtime.serve.loader import Loader, Surroundings
from slipway_runtime.serve.metrics import Metrics
from slipway_runtime.serve.repository import ModelRepository
from slipway_runtime.serve.source import ModelSource
from slipway_runtime.serve.tls import Certificate

_log = logging.getLogger(__name__)

_POLL_SECONDS = 0.02
_LOOK_SECONDS = 2.0
_BACKLOG = 4096
_CONNECTIONS = 20_000


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """How to listen and to leave. Times in seconds, sizes in bytes."""

    host: str
    http_port: int
    grpc_port: int
    """0: no gRPC."""
    drain_grace: float
    drain_timeout: float
    max_body: int
    grpc_max_message: int
    grpc_connection_age: float
    max_batch: int
    admin: bool
    """Whether requests may load and unload models."""
    tls: Path | None
    """Folder with certificate and key; plain HTTP without one."""
    api_keys: Path | None
    """Folder with keys of which a request must have one; all may ask without one."""
    access_log: float
    """Share of the requests of which the log has a line."""


async def serve(sources: tuple[ModelSource, ...], options: ServerOptions, env: Mapping[str, str]) -> None:
    """Serve until SIGTERM or SIGINT, then drain and return.

    Draining: unready at once; new requests are answered for the grace, because endpoints and load balancers learn late;
    then what is in flight gets until the timeout.

    Raises:
        ConfigInvalid, StoreError: a model cannot be served, or the port is not free.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    certificate = Certificate(options.tls) if options.tls else None
    keys = ApiKeys(options.api_keys) if options.api_keys else None
    cores = usable_cores(env)
    repository = ModelRepository(tuple(source.name for source in sources))
    connections = Connections(_CONNECTIONS)
    with (
        ThreadPoolExecutor(max_workers=cores, thread_name_prefix="infer") as executor,
        tempfile.TemporaryDirectory() as scratch,
    ):
        surroundings = Surroundings(Path(scratch), env, threads=cores, max_batch=options.max_batch)
        loader = Loader(sources, repository, executor, surroundings)
        administration = Administration(repository, loader, allowed=options.admin)
        accounts = Accounts(Metrics(), AccessLog(options.access_log) if options.access_log else None)
        inferences = Inferences(repository, accounts, executor, Admission(cores))
        application = HttpApplication(
            repository, inferences, connections, administration, max_body=options.max_body, keys=keys
        )
        front = GrpcFront(
            inferences,
            administration,
            GrpcOptions(
                options.host,
                options.grpc_port,
                options.grpc_max_message,
                options.grpc_connection_age,
                certificate,
                keys,
            ),
        )
        server = await _listen(application, connections, options, certificate)
        ticking = asyncio.create_task(connections.keep_time())
        watching = asyncio.create_task(_keep_secrets(certificate, keys))
        loading = asyncio.create_task(_begin(repository, loader, front))
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({loading, stopping, ticking}, return_when=asyncio.FIRST_COMPLETED)
            if loading.done():
                loading.result()
                _log.info(
                    "ready",
                    extra={
                        "port": options.http_port,
                        "grpcPort": options.grpc_port or None,
                        "models": [source.name for source in sources],
                        "cores": cores,
                    },
                )
                await asyncio.wait({stopping, ticking}, return_when=asyncio.FIRST_COMPLETED)
            if ticking.done():
                ticking.result()
            await _drain(repository, connections, front, options)
        finally:
            await front.leave(0)
            server.close()
            connections.shut()
            for task in (loading, stopping, ticking, watching):
                task.cancel()


async def _keep_secrets(*secrets: Secret | None) -> None:
    """Have those that there are read again when their files change, until cancelled."""
    changes = [Changes(secret) for secret in secrets if secret is not None]
    while changes:
        await asyncio.sleep(_LOOK_SECONDS)
        for change in changes:
            change.look()


async def _listen(
    application: HttpApplication, connections: Connections, options: ServerOptions, certificate: Certificate | None
) -> asyncio.Server:
    def connect() -> Connection:
        return Connection(application, connections, max_body=options.max_body)

    try:
        return await asyncio.get_running_loop().create_server(
            connect,
            options.host,
            options.http_port,
            backlog=_BACKLOG,
            ssl=certificate.context if certificate else None,
        )
    except OSError as error:
        raise ConfigInvalid(
            f"cannot listen on {options.host}:{options.http_port}: {error.strerror}; choose another --http-port"
        ) from error


async def _begin(repository: ModelRepository, loader: Loader, front: GrpcFront) -> None:
    """Be ready once every model is loaded and both protocols are spoken."""
    await asyncio.gather(loader.load_all(), front.open())
    repository.begin()


async def _drain(
    repository: ModelRepository, connections: Connections, front: GrpcFront, options: ServerOptions
) -> None:
    repository.drain()
    in_flight = connections.in_flight + front.in_flight
    _log.info("draining", extra={"graceSeconds": options.drain_grace, "inFlight": in_flight})
    await asyncio.sleep(options.drain_grace)
    leaving = asyncio.create_task(front.leave(options.drain_timeout))
    deadline = asyncio.get_running_loop().time() + options.drain_timeout
    while connections.in_flight and asyncio.get_running_loop().time() < deadline:  # noqa: ASYNC110 - keeps the hot path free of events
        await asyncio.sleep(_POLL_SECONDS)
    await leaving
    if in_flight := connections.in_flight + front.in_flight:
        _log.warning("requests given up", extra={"inFlight": in_flight})
