"""Measures the operator against a real API server (control plane only), beside a bare client doing the same writes.

python -m tests.bench.operator [--objects 1000 5000] [--idle 600]
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from slipway_devcluster import Cluster
from slipway_operator.api.grants import Grant
from slipway_operator.cluster.api import Api
from slipway_operator.cluster.resources import DEPLOYMENTS, JOBS, Resource
from tests.bench.machine import machine
from tests.bench.operator.bare import BareClient
from tests.bench.operator.objects import (
    RESOURCES,
    appearances,
    client,
    create,
    manifest,
    wait_count,
)
from tests.bench.operator.process import OperatorProcess
from tests.cluster.operator.identity import Identity

ROOT = Path(__file__).resolve().parents[3]
# Children get no pods here: what is measured is the operator, not the Job controller beside it on the same cores.
CONTROLLERS = "namespace-controller,serviceaccount-controller,garbage-collector-controller"
# Tokens, as in a pod: the API server verifies the signature of a client certificate anew with every request.
OPERATOR = Identity("slipway-system")
BENCH = Identity("bench", grants=(Grant("*", "*", ("*",)),))
RATES = (25, 50)
BURST = 500
SETTLE = 3.0

NOTE = """
API server, etcd, operator and the measuring client share the cores. When they are full, new objects wait in line;
statuses wait behind new objects' children, for half a minute at most."""

Figures = dict[str, float]
ROWS = {
    "cold": "the operator's process starts → every child created, s",
    "children": "operator leads → every child created, s",
    "bare_children": "a bare client: the same children, s",
    "settled": "operator leads → every status written too, s",
    "bare": "a bare client: the same, s",
    "writes": "writes an object",
    "requests": "requests an object, with the lists at the start",
    **{
        f"{who}{percentile}@{rate}": f"{BURST} more, {rate} a second, {what}: until the last child, {percentile}, s"
        for rate in RATES
        for who, what in (("", "operator"), ("bare_", "bare client"))
        for percentile in ("p50", "p99")
    },
    "cpu": "processor time an object, ms",
    "rss": "resident memory at its peak, MB",
    "idle_seconds": "then left alone for, s",
    "idle_writes": "writes in that time",
}


def main() -> None:
    """Measure and print a table; exit code 0 whatever the figures are."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--objects", type=int, nargs="+", default=[1000, 5000], help="sizes to measure")
    parser.add_argument("--idle", type=float, default=600.0, help="seconds of silence to count writes in, first size")
    chosen = parser.parse_args()
    log = Path("/tmp/slipway-bench-operator.log")  # noqa: S108
    log.unlink(missing_ok=True)
    print(machine())
    columns: dict[str, Figures] = {}
    for objects in chosen.objects:
        for kind in RESOURCES:
            title = f"{objects:,} {kind}s"
            print(f"measuring {title} …", file=sys.stderr)
            idle = chosen.idle if objects == chosen.objects[0] else 0.0
            columns[title] = _measure(kind, objects, idle, log)
            print(columns[title], file=sys.stderr)
    print(_table(columns))
    print(NOTE)


def _table(columns: dict[str, Figures]) -> str:
    lines = [f"| | {' | '.join(columns)} |", f"|---|{'---:|' * len(columns)}"]
    lines += [f"| {text} | {' | '.join(f'{one[row]:g}' for one in columns.values())} |" for row, text in ROWS.items()]
    return "\n".join(lines)


def _measure(kind: str, objects: int, idle: float, log: Path) -> Figures:
    """One kind on a control plane of its own, so that no kind pays for the objects of another."""
    cluster = Cluster("bench-op")
    cluster.down()
    cluster.up(control_plane_only=True, controllers=CONTROLLERS)
    try:
        cluster.kubectl("apply", "--server-side", "-f", str(ROOT / "crds"))
        for identity in (OPERATOR, BENCH):
            cluster.kubectl("create", "namespace", identity.namespace)
        return asyncio.run(_with_client(cluster, kind, objects, idle, log))
    finally:
        cluster.down()


async def _with_client(cluster: Cluster, kind: str, objects: int, idle: float, log: Path) -> Figures:
    with tempfile.TemporaryDirectory() as folder:
        kubeconfig = OPERATOR.kubeconfig(cluster, Path(folder))
        api = await client(BENCH.kubeconfig(cluster, Path(folder)))
        try:
            return await _kind(cluster, api, kind, kubeconfig, objects=objects, idle=idle, log=log)
        finally:
            await api.close()


async def _kind(
    cluster: Cluster, api: Api, kind: str, kubeconfig: Path, *, objects: int, idle: float, log: Path
) -> Figures:
    namespace = f"bench-{kind.lower()}"
    cluster.kubectl("create", "namespace", namespace)
    await create(api, RESOURCES[kind], namespace, [manifest(kind, namespace, index) for index in range(objects)])
    found: Figures = {}
    with OperatorProcess(kubeconfig, log) as operator:
        started = time.monotonic()
        await asyncio.to_thread(operator.wait_leading)
        led = time.monotonic()
        await wait_count(api, _last(kind), namespace, objects)
        complete = time.monotonic()
        found["cold"], found["children"] = round(complete - started, 1), round(complete - led, 1)
        await asyncio.to_thread(_settle, operator)
        found["settled"] = round(time.monotonic() - led - SETTLE, 1)
        total = sum(number for (_, _, resource, _), number in operator.requests().items() if resource != "leases")
        found["writes"] = round(operator.writes() / objects, 2)
        found["requests"] = round(total / objects, 2)
        found["cpu"] = round(operator.cpu_seconds() * 1000 / objects, 1)
        before = operator.writes()
        await asyncio.sleep(idle)
        found["idle_seconds"], found["idle_writes"] = idle, operator.writes() - before
        for index, rate in enumerate(RATES):
            found |= await _latency(api, kind, namespace, objects + index * BURST, rate)
            await asyncio.to_thread(_settle, operator)
        found["rss"] = round(operator.rss_mb("VmHWM"))
    return found | await _bare(cluster, api, kind, namespace, objects)


def _last(kind: str) -> Resource:
    """The child that is written last."""
    return JOBS if kind == "TrainingJob" else DEPLOYMENTS


def _settle(operator: OperatorProcess) -> None:
    """Wait until it has written nothing for three seconds."""
    quiet_since, writes = time.monotonic(), operator.writes()
    while time.monotonic() - quiet_since < SETTLE:
        time.sleep(0.25)
        now = operator.writes()
        if now != writes:
            quiet_since, writes = time.monotonic(), now


async def _latency(api: Api, kind: str, namespace: str, offset: int, rate: int) -> Figures:
    """From when an object should be created to the watch event of its last child, at a steady rate."""
    bodies = [manifest(kind, namespace, offset + step) for step in range(BURST)]

    async def one(step: int) -> None:
        await api.request("create", RESOURCES[kind], namespace, method="POST", body=bodies[step])

    wanted = {body["metadata"]["name"] for body in bodies}
    appeared = asyncio.create_task(appearances(api, _last(kind), namespace, wanted))
    await asyncio.sleep(1.0)
    due = await _steadily(one, rate)
    seen = await asyncio.wait_for(appeared, 300)
    return _percentiles("", rate, [seen[body["metadata"]["name"]] - at for body, at in zip(bodies, due, strict=True)])


async def _steadily(one: Callable[[int], Awaitable[None]], rate: int) -> list[float]:
    """Begin ``one`` of every step at a steady rate, whether or not those before have ended; when each was due.

    Counted is from then, not from when it was got round to: a client that is too slow would hide its own delay.
    """
    start = time.monotonic()
    due = [start + step / rate for step in range(BURST)]

    async def begin(step: int) -> None:
        await asyncio.sleep(due[step] - time.monotonic())
        await one(step)

    await asyncio.gather(*(begin(step) for step in range(BURST)))
    return due


def _percentiles(prefix: str, rate: int, seconds: list[float]) -> Figures:
    waits = sorted(seconds)
    return {
        f"{prefix}p50@{rate}": round(waits[len(waits) // 2], 2),
        f"{prefix}p99@{rate}": round(waits[int(len(waits) * 0.99)], 2),
    }


async def _bare(cluster: Cluster, api: Api, kind: str, namespace: str, objects: int) -> Figures:
    """The same writes by a bare client."""
    target = f"{namespace}-bare"
    cluster.kubectl("create", "namespace", target)
    bare = await BareClient.copying(api, RESOURCES[kind], namespace, target)
    names = [f"o{index}" for index in range(objects)]
    seconds = await bare.children_of(names)
    found = {"bare_children": round(seconds, 1)}
    seconds += await bare.statuses_of(names)
    found["bare"] = round(seconds, 1)
    for index, rate in enumerate(RATES):
        found |= await _bare_latency(bare, objects + index * BURST, rate)
    return found


async def _bare_latency(bare: BareClient, offset: int, rate: int) -> Figures:
    ended: dict[int, float] = {}

    async def one(step: int) -> None:
        await bare.one(f"o{offset + step}")
        ended[step] = time.monotonic()

    due = await _steadily(one, rate)
    return _percentiles("bare_", rate, [ended[step] - at for step, at in enumerate(due)])


if __name__ == "__main__":
    main()
