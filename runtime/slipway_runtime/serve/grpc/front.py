"""The gRPC side of the process's life: opened beside the loading of models, and left together with HTTP."""

import asyncio
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from slipway_runtime.serve.administration import Administration
from slipway_runtime.serve.auth import ApiKeys
from slipway_runtime.serve.inferences import Inferences
from slipway_runtime.serve.tls import Certificate

if TYPE_CHECKING:
    from types import ModuleType

    import grpc.aio

_POLL_SECONDS = 0.02
# What an answer that was just given may take to be written.
_LAST_WRITE_SECONDS = 0.5
# The library lets connections grow older by up to a tenth, so that they do not end all at once.
_AGE_JITTER = 1.1
_QUIET_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class GrpcOptions:
    """How to listen; port 0: not at all."""

    host: str
    port: int
    max_message: int
    """Bytes."""
    connection_age: float
    """Seconds after which a connection's client is asked to open another one."""
    certificate: Certificate | None
    """Plain text without one."""
    keys: ApiKeys | None
    """Calls need one of them."""


class GrpcFront:
    """Listens once ``grpc`` is imported. Used on the event loop only."""

    def __init__(self, inferences: Inferences, administration: Administration, options: GrpcOptions) -> None:
        """Answer from ``inferences``."""
        self._inferences = inferences
        self._administration = administration
        self._options = options
        self._leaving = asyncio.Event()
        self._server: grpc.aio.Server | None = None

    @property
    def in_flight(self) -> int:
        """Calls that are being answered."""
        return self._inferences.calls

    async def open(self) -> None:
        """Import, then listen.

        Raises:
            ConfigInvalid: the port is not free.
        """
        if self._options.port == 0:
            return
        module = await asyncio.to_thread(_server_module)
        server = module.new_server(self._inferences, self._administration, self._leaving, self._options)
        self._server = server
        await module.listen(server, self._options)

    async def leave(self, seconds: float) -> None:
        """Once clients have gone elsewhere, take no new calls, and let those in flight end within ``seconds``.

        Streams that nothing is sent on end with them.
        """
        server, self._server = self._server, None
        if server is None:
            return
        loop = asyncio.get_running_loop()
        if seconds and self._inferences.calls_begun:
            await self._until_quiet()
        self._leaving.set()
        deadline = loop.time() + seconds
        stopping = asyncio.ensure_future(server.stop(seconds))
        while self._inferences.calls and not stopping.done() and loop.time() < deadline:  # noqa: ASYNC110 - keeps the hot path free of events
            await asyncio.sleep(_POLL_SECONDS)
        await server.stop(min(_LAST_WRITE_SECONDS, max(0.0, deadline - loop.time())))
        await stopping

    async def _until_quiet(self) -> None:
        """Answer calls until none has come for a moment, or every connection has reached its age.

        A server that stops loses the calls that are on their way to it: the library cancels them. A connection that has
        reached its age loses none: its client opens another, which leads elsewhere by now, and sends no more on this.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + self._options.connection_age * _AGE_JITTER
        seen, since = self._inferences.calls_begun, loop.time()
        while loop.time() < min(end, since + _QUIET_SECONDS):
            await asyncio.sleep(_POLL_SECONDS)
            if self._inferences.calls_begun != seen:
                seen, since = self._inferences.calls_begun, loop.time()


def _server_module() -> "ModuleType":
    # The library writes to standard error on its own, past this process's log.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    from slipway_runtime.serve.grpc import server

    return server
