"""The process's life: listen, load, serve, drain."""

import asyncio
import logging
import signal
import tempfile
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from slipway_runtime.serve.connections import Connections
from slipway_runtime.serve.cpus import usable_cores
from slipway_runtime.serve.engine import EngineLoader
from slipway_runtime.serve.errors import ConfigInvalid, ModelLoadError
from slipway_runtime.serve.http import HttpApplication
from slipway_runtime.serve.http1 import Connection
from slipway_runtime.serve.independence import rows_together
from slipway_runtime.serve.metrics import Metrics
from slipway_runtime.serve.model import INLINE_SECONDS, ServedModel, warm_up
from slipway_runtime.serve.repository import ModelRepository
from slipway_runtime.serve.source import ModelSource, localize

_log = logging.getLogger(__name__)

_POLL_SECONDS = 0.02
_BACKLOG = 4096
_CONNECTIONS = 4096
# Waking a second thread costs more than a tiny inference: below this a model runs on one thread, requests side by side.
_PARALLEL_SECONDS = 0.001


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """How to listen and to leave. Times in seconds, sizes in bytes."""

    host: str
    http_port: int
    drain_grace: float
    drain_timeout: float
    max_body: int
    max_batch: int


def load_model(
    source: ModelSource, scratch: Path, load: EngineLoader, env: Mapping[str, str], *, threads: int, max_batch: int
) -> ServedModel:
    """Find, load, warm and measure one model; ``max_batch`` bounds the rows that run together.

    Raises:
        ModelLoadError: it cannot be served as it is.
        ConfigInvalid, StoreError: it cannot be found or verified.
    """
    start = time.perf_counter()
    local = localize(source, scratch, dict(env))
    try:
        engine = load(local.path, threads=1)
        cost = warm_up(engine)
        if threads > 1 and cost.seconds > _PARALLEL_SECONDS:
            engine = load(local.path, threads=threads)
            cost = warm_up(engine)
        together = rows_together(engine, alone_seconds=cost.seconds, limit=max_batch, seconds=INLINE_SECONDS)
    except ModelLoadError as error:
        raise ModelLoadError(f'model "{source.name}" does not load: {error}') from error
    _log.info(
        "model loaded",
        extra={
            "model": source.name,
            "digest": local.digest or None,
            "seconds": round(time.perf_counter() - start, 3),
            "warmInferenceMs": round(cost.seconds * 1000, 4),
            "rowsTogether": together,
        },
    )
    return ServedModel(source.name, local.version, engine, local.classes, cost, together)


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
    cores = usable_cores(env)
    repository = ModelRepository(tuple(source.name for source in sources))
    connections = Connections(_CONNECTIONS)
    with (
        ThreadPoolExecutor(max_workers=cores, thread_name_prefix="infer") as executor,
        tempfile.TemporaryDirectory() as scratch,
    ):
        application = HttpApplication(repository, Metrics(), executor, connections, max_body=options.max_body)
        server = await _listen(application, connections, options)
        ticking = asyncio.create_task(connections.keep_time())
        loading = asyncio.create_task(
            _load_all(sources, repository, executor, scratch=Path(scratch), env=env, threads=cores, options=options)
        )
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({loading, stopping, ticking}, return_when=asyncio.FIRST_COMPLETED)
            if loading.done():
                loading.result()
                _log.info(
                    "ready",
                    extra={"port": options.http_port, "models": [source.name for source in sources], "cores": cores},
                )
                await asyncio.wait({stopping, ticking}, return_when=asyncio.FIRST_COMPLETED)
            if ticking.done():
                ticking.result()
            await _drain(repository, connections, options)
        finally:
            server.close()
            connections.shut()
            for task in (loading, stopping, ticking):
                task.cancel()


async def _listen(application: HttpApplication, connections: Connections, options: ServerOptions) -> asyncio.Server:
    def connect() -> Connection:
        return Connection(application, connections, max_body=options.max_body)

    try:
        return await asyncio.get_running_loop().create_server(
            connect, options.host, options.http_port, backlog=_BACKLOG
        )
    except OSError as error:
        raise ConfigInvalid(
            f"cannot listen on {options.host}:{options.http_port}: {error.strerror}; choose another --http-port"
        ) from error


async def _load_all(
    sources: tuple[ModelSource, ...],
    repository: ModelRepository,
    executor: ThreadPoolExecutor,
    *,
    scratch: Path,
    env: Mapping[str, str],
    threads: int,
    options: ServerOptions,
) -> None:
    loop = asyncio.get_running_loop()
    for source in sources:
        load = partial(_load_with_onnx, source, scratch, env, threads=threads, max_batch=options.max_batch)
        repository.add(await loop.run_in_executor(executor, load))


def _load_with_onnx(
    source: ModelSource, scratch: Path, env: Mapping[str, str], *, threads: int, max_batch: int
) -> ServedModel:
    from slipway_runtime.serve.onnx_engine import load_onnx

    return load_model(source, scratch, load_onnx, env, threads=threads, max_batch=max_batch)


async def _drain(repository: ModelRepository, connections: Connections, options: ServerOptions) -> None:
    repository.drain()
    _log.info("draining", extra={"graceSeconds": options.drain_grace, "inFlight": connections.in_flight})
    await asyncio.sleep(options.drain_grace)
    deadline = asyncio.get_running_loop().time() + options.drain_timeout
    while connections.in_flight and asyncio.get_running_loop().time() < deadline:  # noqa: ASYNC110 - keeps the hot path free of events
        await asyncio.sleep(_POLL_SECONDS)
    if connections.in_flight:
        _log.warning("requests given up", extra={"inFlight": connections.in_flight})
