"""The baseline: a client that decides nothing and watches nothing, because it has every child and status ready."""

from dataclasses import dataclass
from typing import Any, Self

from slipway_operator.cluster.api import Api
from slipway_operator.cluster.resources import APPLIED, Resource
from slipway_operator.domain.naming import NAME_LABEL
from tests.bench.operator.objects import apply, count, create, items


@dataclass(frozen=True)
class BareClient:
    """Writes again, into another namespace, what the operator wrote."""

    api: Api
    owner: Resource
    namespace: str
    owners: dict[str, dict[str, Any]]
    statuses: dict[str, Any]
    children: dict[str, list[tuple[Resource, dict[str, Any]]]]

    @classmethod
    async def copying(cls, api: Api, owner: Resource, source: str, target: str) -> Self:
        """What stands in the source namespace, for the target."""
        found = {item["metadata"]["name"]: item for item in await items(api, owner, source)}
        children: dict[str, list[tuple[Resource, dict[str, Any]]]] = {name: [] for name in found}
        for resource in APPLIED:
            for item in await items(api, resource, source):
                name = (item["metadata"].get("labels") or {}).get(NAME_LABEL)
                if name in children:
                    children[name].append((resource, _copy(item, resource, target)))
        owners = {name: _copy(item, owner, target) for name, item in found.items()}
        return cls(api, owner, target, owners, {name: item["status"] for name, item in found.items()}, children)

    async def children_of(self, names: list[str]) -> float:
        """Create the objects, then apply all their children; seconds the latter took."""
        await create(self.api, self.owner, self.namespace, [self.owners[name] for name in names])
        seconds = 0.0
        for resource in APPLIED:
            bodies = [body for name in names for kind_of, body in self.children[name] if kind_of is resource]
            seconds += await apply(self.api, resource, self.namespace, bodies)
            assert await count(self.api, resource, self.namespace) >= len(bodies)
        return seconds

    async def statuses_of(self, names: list[str]) -> float:
        """Apply all their statuses; seconds it took."""
        told = [{**self.owners[name], "status": self.statuses[name]} for name in names]
        return await apply(self.api, self.owner, self.namespace, told, status=True)

    async def one(self, name: str) -> None:
        """Create one object, then apply its children one after the other."""
        await self.api.request("create", self.owner, self.namespace, method="POST", body=self.owners[name])
        for resource, body in self.children[name]:
            await self.api.apply(resource, self.namespace, name=body["metadata"]["name"], manifest=body)


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
