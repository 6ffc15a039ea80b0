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
from typing import Any

from slipway_devcluster import Cluster
from slipway_operator.api.grants import Grant
from slipway_operator.cluster.api import Api
from slipway_operator.cluster.resources import APPLIED, DEPLOYMENTS, JOBS, Resource
from slipway_operator.domain.naming import NAME_LABEL
from tests.bench.machine import machine
from tests.bench.operator.objects import (
    RESOURCES,
    appearances,
    apply,
    client,
    count,
    create,
    items,
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
RATE = 50.0
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
    "p50": f"{BURST} new objects, {RATE:.0f} a second: creation → last child, median, s",
    "p99": "the 99th percentile, s",
    "bare_p50": "a bare client, the same: median, s",
    "bare_p99": "the 99th percentile, s",
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
        found |= await _latency(api, kind, namespace, objects)
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


async def _latency(api: Api, kind: str, namespace: str, offset: int) -> Figures:
    """From the answer to an object's creation to the watch event of its last child, at a steady rate."""
    created: dict[str, float] = {}

    async def one(step: int) -> None:
        body = manifest(kind, namespace, offset + step)
        await api.request("create", RESOURCES[kind], namespace, method="POST", body=body)
        created[body["metadata"]["name"]] = time.monotonic()

    wanted = {f"o{offset + step}" for step in range(BURST)}
    appeared = asyncio.create_task(appearances(api, _last(kind), namespace, wanted))
    await asyncio.sleep(1.0)
    await _steadily(one)
    seen = await asyncio.wait_for(appeared, 300)
    return _percentiles("", [seen[name] - at for name, at in created.items()])


async def _steadily(one: Callable[[int], Awaitable[None]]) -> None:
    """Begin ``one`` of every step at the steady rate, whether or not those before have ended; wait for all."""
    begun: list[asyncio.Task[None]] = []
    start = time.monotonic()
    for step in range(BURST):
        begun.append(asyncio.ensure_future(one(step)))
        await asyncio.sleep(max(0.0, start + (step + 1) / RATE - time.monotonic()))
    await asyncio.gather(*begun)


def _percentiles(prefix: str, seconds: list[float]) -> Figures:
    waits = sorted(seconds)
    return {f"{prefix}p50": round(waits[len(waits) // 2], 2), f"{prefix}p99": round(waits[int(len(waits) * 0.99)], 2)}


async def _bare(cluster: Cluster, api: Api, kind: str, namespace: str, objects: int) -> Figures:
    """The same writes by a client that decides nothing and watches nothing: it has every child and status ready."""
    target, owner = f"{namespace}-bare", RESOURCES[kind]
    cluster.kubectl("create", "namespace", target)
    owners = {item["metadata"]["name"]: item for item in await items(api, owner, namespace)}
    copies = {name: _copy(item, owner, target) for name, item in owners.items()}
    children: dict[str, list[tuple[Resource, dict[str, Any]]]] = {name: [] for name in owners}
    for resource in APPLIED:
        for item in await items(api, resource, namespace):
            name = (item["metadata"].get("labels") or {}).get(NAME_LABEL)
            if name in children:
                children[name].append((resource, _copy(item, resource, target)))
    names = [f"o{index}" for index in range(objects)]
    await create(api, owner, target, [copies[name] for name in names])
    seconds = 0.0
    for resource in APPLIED:
        bodies = [body for name in names for kind_of, body in children[name] if kind_of is resource]
        seconds += await apply(api, resource, target, bodies)
        assert await count(api, resource, target) >= len(bodies)
    found = {"bare_children": round(seconds, 1)}
    told = [{**copies[name], "status": owners[name]["status"]} for name in names]
    seconds += await apply(api, owner, target, told, status=True)
    found["bare"] = round(seconds, 1)

    waits: list[float] = []

    async def one(step: int) -> None:
        name = f"o{objects + step}"
        await api.request("create", owner, target, method="POST", body=copies[name])
        created = time.monotonic()
        for resource, body in children[name]:
            await api.apply(resource, target, body["metadata"]["name"], body)
        waits.append(time.monotonic() - created)

    await _steadily(one)
    return found | _percentiles("bare_", waits)


def _copy(item: dict[str, Any], resource: Resource, namespace: str) -> dict[str, Any]:
    """What one would write to have the object again in another namespace."""
    metadata = {
        "name": item["metadata"]["name"],
        "namespace": namespace,
        "labels": item["metadata"].get("labels") or {},
    }
    spec = dict(item.get("spec") or {})
    if resource.kind == "Service":
        spec = {key: spec[key] for key in ("selector", "ports")}
    if resource.kind == "Job":
        # The API server chose these for the original.
        metadata["labels"] = {"app": "bare"}
        spec = {key: value for key, value in spec.items() if key != "selector"}
        spec["template"] = {**spec["template"], "metadata": {"labels": {"app": "bare"}}}
    body = {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": metadata}
    return body | ({"spec": spec} if spec else {})


if __name__ == "__main__":
    main()
