"""The load over gRPC: calls on one connection, each followed by another once answered, in a process of its own."""

import argparse
import asyncio
import time
from itertools import cycle
from typing import Any

import grpc.aio

from tests.bench.serving.model import request_messages

METHOD = "/inference.GRPCInferenceService/ModelInfer"


async def ask(port: int, requests: int, in_flight: int) -> tuple[float, int]:
    """Seconds that ``requests`` took, so many of them at once, and how many failed."""
    turns = cycle(request_messages())
    left = requests
    failed = 0

    async def one_after_another() -> None:
        nonlocal left, failed
        while left > 0:
            left -= 1
            try:
                await call(next(turns))
            except grpc.aio.AioRpcError:
                failed += 1

    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        call: Any = channel.unary_unary(METHOD)
        await channel.channel_ready()
        start = time.perf_counter()
        await asyncio.gather(*(one_after_another() for _ in range(in_flight)))
        return time.perf_counter() - start, failed


def main() -> None:
    """Print seconds and failures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--requests", type=int, required=True)
    parser.add_argument("--in-flight", type=int, required=True)
    options = parser.parse_args()
    print(*asyncio.run(ask(options.port, options.requests, options.in_flight)))


if __name__ == "__main__":
    main()
