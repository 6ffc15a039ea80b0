"""Measures the operator against a real API server (control plane only), beside a bare client doing the same writes.

python -m tests.bench.operator [--objects 1000] [--idle 120] [--json FILE]
"""

import argparse
import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

from slipway_devcluster import Cluster
from slipway_operator.cluster.api import Api
from slipway_operator.cluster.resources import APPLIED, DEPLOYMENTS, JOBS, Resource
from slipway_operator.domain.naming import NAME_LABEL
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

ROOT = Path(__file__).resolve().parents[3]
# Children get no pods here: what is measured is the operator, not the Job controller beside it on the same cores.
CONTROLLERS = "namespace-controller,serviceaccount-controller,garbage-collector-controller"
RATE = 50.0


def main() -> None:
    """Measure and print; exit code 0 whatever the figures are."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--objects", type=int, default=1000)
    parser.add_argument("--idle", type=float, default=120.0, help="seconds of silence to count writes in")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    chosen = parser.parse_args()
    log = Path("/tmp/slipway-bench-operator.log")  # noqa: S108
    log.unlink(missing_ok=True)
    figures: dict[str, Any] = {"objects": chosen.objects}
    for kind in RESOURCES:
        print(f"measuring {chosen.objects} {kind}s …", file=sys.stderr)
        figures[kind] = _measure(kind, chosen.objects, chosen.idle, log)
        print(json.dumps({kind: figures[kind]}), file=sys.stderr)
    print(json.dumps(figures, indent=2))
    if chosen.json:
        chosen.json.write_text(json.dumps(figures, indent=2) + "\n")


def _measure(kind: str, objects: int, idle: float, log: Path) -> dict[str, Any]:
    """One kind on a control plane of its own, so that no kind pays for the objects of another."""
    cluster = Cluster("bench-op")
    cluster.down()
    cluster.up(control_plane_only=True, controllers=CONTROLLERS)
    try:
        cluster.kubectl("apply", "--server-side", "-f", str(ROOT / "crds"))
        cluster.kubectl("create", "namespace", "slipway-system")
        return asyncio.run(_with_client(cluster, kind, objects, idle, log))
    finally:
        cluster.down()


async def _with_client(cluster: Cluster, kind: str, objects: int, idle: float, log: Path) -> dict[str, Any]:
    api = await client(cluster.kubeconfig)
    try:
        return await _kind(cluster, api, kind, objects=objects, idle=idle, log=log)
    finally:
        await api.close()


async def _kind(cluster: Cluster, api: Api, kind: str, *, objects: int, idle: float, log: Path) -> dict[str, Any]:
    resource = RESOURCES[kind]
    namespace = f"bench-{kind.lower()}"
    cluster.kubectl("create", "namespace", namespace)
    last: Resource = JOBS if kind == "TrainingJob" else DEPLOYMENTS
    found: dict[str, Any] = {}
    bodies = [manifest(kind, namespace, index) for index in range(objects)]
    await create(api, resource, namespace, bodies)
    with OperatorProcess(cluster.kubeconfig, log) as operator:
        started = time.monotonic()
        await asyncio.to_thread(operator.wait_leading)
        led = time.monotonic()
        await wait_count(api, last, namespace, objects)
        found["children_seconds"] = round(time.monotonic() - led, 1)
        found["process_start_to_children_seconds"] = round(time.monotonic() - started, 1)
        await asyncio.to_thread(_settle, operator)
        found["settled_seconds"] = round(time.monotonic() - led - SETTLE, 1)
        requests = operator.requests()
        total = sum(n for (verb, _, res, _), n in requests.items() if res != "leases")
        found["requests_per_object"] = round(total / objects, 2)
        found["writes_per_object"] = round(operator.writes() / objects, 2)
        found["rss_mb"] = round(operator.rss_mb(), 0)
        found["rss_peak_mb"] = round(operator.rss_mb("VmHWM"), 0)
        found["cpu_seconds"] = round(operator.cpu_seconds(), 1)
        before = operator.writes()
        await asyncio.sleep(idle)
        found["idle_seconds"], found["idle_writes"] = idle, operator.writes() - before
        found |= await _latency(api, kind, namespace, objects)
    found["bare_client_seconds"] = await _bare(cluster, api, kind, namespace, objects)
    return found


SETTLE = 3.0


def _settle(operator: OperatorProcess) -> None:
    """Wait until it has written nothing for three seconds."""
    quiet_since, writes = time.monotonic(), operator.writes()
    while time.monotonic() - quiet_since < SETTLE:
        time.sleep(0.25)
        now = operator.writes()
        if now != writes:
            quiet_since, writes = time.monotonic(), now


async def _latency(api: Api, kind: str, namespace: str, offset: int) -> dict[str, float]:
    """From the answer to an object's creation to the watch event of its child, at 50 objects a second."""
    last: Resource = JOBS if kind == "TrainingJob" else DEPLOYMENTS
    number = 500
    created: dict[str, float] = {}
    pending: set[asyncio.Task[Any]] = set()

    async def one(index: int) -> None:
        await api.request("create", RESOURCES[kind], namespace, method="POST", body=manifest(kind, namespace, index))
        created[f"o{index}"] = time.monotonic()

    appeared = asyncio.create_task(appearances(api, last, namespace, {f"o{offset + step}" for step in range(number)}))
    await asyncio.sleep(1.0)
    begin = time.monotonic()
    for step in range(number):
        pending.add(asyncio.create_task(one(offset + step)))
        await asyncio.sleep(max(0.0, begin + (step + 1) / RATE - time.monotonic()))
    await asyncio.gather(*pending)
    seen = await asyncio.wait_for(appeared, 300)
    waits = sorted(seen[name] - at for name, at in created.items())
    return {
        "latency_p50_seconds": round(waits[len(waits) // 2], 3),
        "latency_p99_seconds": round(waits[int(len(waits) * 0.99)], 3),
    }


async def _bare(cluster: Cluster, api: Api, kind: str, namespace: str, objects: int) -> float:
    """The same writes by a client that decides nothing: every child and every status applied once."""
    target, owner = f"{namespace}-bare", RESOURCES[kind]
    cluster.kubectl("create", "namespace", target)
    owners = (await items(api, owner, namespace))[:objects]
    names = {item["metadata"]["name"] for item in owners}
    copies = [_copy(item, owner, target) for item in owners]
    await create(api, owner, target, copies)
    seconds = 0.0
    for resource in APPLIED:
        found = await items(api, resource, namespace)
        children = [item for item in found if (item["metadata"].get("labels") or {}).get(NAME_LABEL) in names]
        seconds += await apply(api, resource, target, [_copy(item, resource, target) for item in children])
        assert await count(api, resource, target) >= len(children)
    told = [{**copy, "status": item["status"]} for copy, item in zip(copies, owners, strict=True)]
    seconds += await apply(api, owner, target, told, status=True)
    return round(seconds, 1)


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
