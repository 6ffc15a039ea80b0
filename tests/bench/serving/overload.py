"""A server that is asked for more than it can do: requests come at a rate, whether or not others have ended."""

import asyncio
import time
from dataclasses import dataclass

import aiohttp

SECONDS = 8.0
TOGETHER = 8


@dataclass(frozen=True)
class Answers:
    """Answers to requests that came at a rate."""

    offered: float
    """Requests a second."""
    good: float
    """Answered with 200, a second."""
    refused: float
    """Answered with 429, a second."""
    failed: int
    """Answered otherwise, or not at all."""
    p99: float
    """Seconds, of those answered with 200."""


def peak(url: str, body: bytes) -> float:
    """Answers a second to a few clients that each ask again once answered."""
    return asyncio.run(_peak(url, body))


def overload(url: str, body: bytes, rate: float) -> Answers:
    """Ask ``rate`` times a second."""
    return asyncio.run(_overload(url, body, rate))


async def _peak(url: str, body: bytes) -> float:
    answered = 0
    end = time.perf_counter() + SECONDS

    async def again(session: aiohttp.ClientSession) -> None:
        nonlocal answered
        while time.perf_counter() < end:
            async with session.post(url, data=body) as response:
                await response.read()
                answered += response.status == 200

    async with aiohttp.ClientSession() as session:
        await asyncio.gather(*(again(session) for _ in range(TOGETHER)))
    return answered / SECONDS


async def _overload(url: str, body: bytes, rate: float) -> Answers:
    waits: list[float] = []
    codes: dict[int, int] = {}
    start = time.perf_counter()

    async def one(session: aiohttp.ClientSession, step: int) -> None:
        due = start + step / rate
        await asyncio.sleep(due - time.perf_counter())
        try:
            async with session.post(url, data=body) as response:
                await response.read()
                code = response.status
        except aiohttp.ClientError:
            code = 0
        codes[code] = codes.get(code, 0) + 1
        if code == 200:
            waits.append(time.perf_counter() - due)

    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:
        await asyncio.gather(*(one(session, step) for step in range(round(rate * SECONDS))))
    lasted = time.perf_counter() - start
    good, refused = codes.pop(200, 0), codes.pop(429, 0)
    p99 = sorted(waits)[int(len(waits) * 0.99)] if waits else float("nan")
    return Answers(rate, good / lasted, refused / lasted, sum(codes.values()), p99)
