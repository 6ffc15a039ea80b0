"""The load: connections that each ask again once answered, in a process of its own."""

import argparse
import asyncio
import sys
import time
from collections.abc import Iterator
from functools import partial
from itertools import cycle


class Client(asyncio.Protocol):
    """One kept connection. Answers carry a content-length, as every answer of both servers does."""

    def __init__(self, requests: Iterator[bytes], budget: list[int], done: asyncio.Future[None]) -> None:
        self._requests = requests
        self._budget = budget
        self._done = done
        self._buffer = b""
        self.failed = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._ask()

    def data_received(self, data: bytes) -> None:
        """Ask again once the answer is whole."""
        self._buffer += data
        head, separator, body = self._buffer.partition(b"\r\n\r\n")
        if not separator:
            return
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        if len(body) < length:
            return
        if not head.startswith(b"HTTP/1.1 200"):
            self.failed += 1
        self._buffer = b""
        self._ask()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Count a connection that the server ended as a failure."""
        if not self._done.done():
            self.failed += 1
            self._done.set_result(None)

    def _ask(self) -> None:
        if self._budget[0] == 0:
            if not self._done.done():
                self._done.set_result(None)
            self._transport.close()
            return
        self._budget[0] -= 1
        self._transport.write(next(self._requests))


def _same(client: Client) -> Client:
    return client


async def ask(port: int, contents: list[bytes], requests: int, connections: int) -> tuple[float, int]:
    """Seconds that ``requests``, ``contents`` in turn, took over ``connections``, and how many failed."""
    loop = asyncio.get_running_loop()
    budget = [requests]
    dones = [loop.create_future() for _ in range(connections)]
    start = time.perf_counter()
    turns = cycle(contents)
    clients = [Client(turns, budget, done) for done in dones]
    for client in clients:
        await loop.create_connection(partial(_same, client), "127.0.0.1", port)
    await asyncio.gather(*dones)
    return time.perf_counter() - start, sum(client.failed for client in clients)


def main() -> None:
    """Read the bodies from standard input, a line each; print seconds and failures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--path", required=True)
    parser.add_argument("--requests", type=int, required=True)
    parser.add_argument("--connections", type=int, required=True)
    options = parser.parse_args()
    contents = [_request(options.path, body) for body in sys.stdin.buffer.read().split(b"\n")]
    print(*asyncio.run(ask(options.port, contents, options.requests, options.connections)))


def _request(path: str, body: bytes) -> bytes:
    fields = ("host: bench", "content-type: application/json", f"content-length: {len(body)}")
    return "\r\n".join((f"POST {path} HTTP/1.1", *fields, "", "")).encode() + body


if __name__ == "__main__":
    main()
