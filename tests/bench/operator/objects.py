"""The objects of the measurement, and a bare client that makes, counts and deletes them."""

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from slipway_operator.cluster.api import Api
from slipway_operator.cluster.connection import load_configuration
from slipway_operator.cluster.rate import TokenBucket
from slipway_operator.cluster.resources import MODEL_SERVICES, TRAINING_JOBS, Resource

PARALLEL = 50
PATIENCE = 900.0
RESOURCES = {"TrainingJob": TRAINING_JOBS, "ModelService": MODEL_SERVICES}


async def client(kubeconfig: Path) -> Api:
    """A client without a rate limit."""
    return Api(await load_configuration(PARALLEL, kubeconfig), TokenBucket(1e9, 1_000_000, time.monotonic), timeout=120)


def manifest(kind: str, namespace: str, index: int) -> dict[str, Any]:
    """One small object of a kind."""
    if kind == "TrainingJob":
        spec: dict[str, Any] = {"recipe": {"classifier": {}}, "dataset": {"uri": "builtin://digits"}}
    else:
        spec = {"model": {"uri": f"s3://x/manifests/{hashlib.sha256(str(index).encode()).hexdigest()}"}}
    return {
        "apiVersion": RESOURCES[kind].api_version,
        "kind": kind,
        "metadata": {"name": f"o{index}", "namespace": namespace},
        "spec": spec,
    }


async def create(api: Api, resource: Resource, namespace: str, bodies: Iterable[Mapping[str, Any]]) -> float:
    """Create all, 50 at a time; seconds it took."""

    async def one(body: Mapping[str, Any]) -> None:
        await api.request("create", resource, namespace, method="POST", body=body)

    return await _all(one, bodies)


async def apply(
    api: Api, resource: Resource, namespace: str, bodies: Iterable[Mapping[str, Any]], *, status: bool = False
) -> float:
    """Apply all (or their status), 50 at a time; seconds it took."""
    write = api.apply_status if status else api.apply

    async def one(body: Mapping[str, Any]) -> None:
        await write(resource, namespace, body["metadata"]["name"], body)

    return await _all(one, bodies)


async def _all(one: Callable[[Mapping[str, Any]], Awaitable[None]], bodies: Iterable[Mapping[str, Any]]) -> float:
    gate = asyncio.Semaphore(PARALLEL)

    async def gated(body: Mapping[str, Any]) -> None:
        async with gate:
            await one(body)

    started = time.monotonic()
    await asyncio.gather(*(gated(body) for body in bodies))
    return time.monotonic() - started


async def items(api: Api, resource: Resource, namespace: str) -> list[dict[str, Any]]:
    """All objects of a kind in a namespace."""
    return [item async for _, page in api.pages(resource, namespace, None) for item in page]


async def count(api: Api, resource: Resource, namespace: str) -> int:
    """Number of objects of a kind, by one small request."""
    page = await api.request("list", resource, namespace, method="GET", query={"limit": "1"})
    return len(page["items"]) + int((page.get("metadata") or {}).get("remainingItemCount") or 0)


async def wait_count(api: Api, resource: Resource, namespace: str, wanted: int) -> float:
    """Seconds until there are that many."""
    started = time.monotonic()
    while (found := await count(api, resource, namespace)) < wanted:
        if time.monotonic() - started > PATIENCE:
            raise TimeoutError(f"{found} of {wanted} {resource.plural} after {PATIENCE:.0f} s")
        await asyncio.sleep(0.1)
    return time.monotonic() - started


async def appearances(api: Api, resource: Resource, namespace: str, wanted: set[str]) -> dict[str, float]:
    """When a child of each wanted owner was first told by a watch (monotonic seconds)."""
    seen: dict[str, float] = {}
    page = await api.request("list", resource, namespace, method="GET", query={"limit": "1"})
    version = page["metadata"]["resourceVersion"]
    async for _, body in api.watch(resource, namespace, None, version):
        metadata = body["metadata"]
        owner = (metadata.get("labels") or {}).get("slipway.dev/name")
        if owner in wanted and owner not in seen:
            seen[owner] = time.monotonic()
        if len(seen) == len(wanted):
            break
    return seen
