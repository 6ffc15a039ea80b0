"""Carries a plan out: deletions, applies, the one status write, then events."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Protocol

import orjson

from slipway_operator.cluster.errors import Conflict, NotFound, Terminal
from slipway_operator.cluster.resources import Resource, of_kind
from slipway_operator.domain.planning import Deletion, EventNote, Key, Plan, RawObject
from slipway_operator.engine.cache import Cache
from slipway_operator.engine.drift import covers
from slipway_operator.engine.trim import APPLIED_HASH, unpacked

logger = logging.getLogger(__name__)


class Writer(Protocol):
    """What is needed of the API server."""

    async def apply(self, resource: Resource, namespace: str, name: str, manifest: Mapping[str, Any]) -> dict[str, Any]:
        """Server-side apply."""

    async def apply_status(
        self, resource: Resource, namespace: str, name: str, manifest: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Server-side apply of the status."""

    async def delete(self, resource: Resource, namespace: str, name: str, uid: str, propagation: str) -> dict[str, Any]:
        """Delete with a uid precondition."""


class Events(Protocol):
    """Where events go."""

    async def record(self, owner: RawObject, note: EventNote) -> None:
        """Write one event."""


@dataclass(frozen=True)
class Outcome:
    """What carrying a plan out came to."""

    changed: bool
    """Whether children were written: then the object is looked at again."""
    refused: Terminal | None = None
    """Why a child was refused."""


class Executor:
    """Executes plans; remembers only what lets it skip writes that would change nothing.

    Args:
        enqueue: has an object looked at; told of those that wait for what a status says. The cache has the status
            before the watch delivers it, so the watch will have nothing new to tell them.
    """

    def __init__(self, api: Writer, cache: Cache, events: Events, enqueue: Callable[[Key], None]) -> None:
        self._enqueue = enqueue
        self._api = api
        self._cache = cache
        self._events = events
        self._verified: dict[str, tuple[str, bytes]] = {}
        self._written: dict[str, tuple[bytes, object]] = {}

    async def children(self, namespace: str, plan: Plan) -> Outcome:
        """Deletions, then applies. A refused child does not keep the others from being applied.

        Raises:
            OperatorError: anything but a refusal.
        """
        changed = False
        refused: Terminal | None = None
        for deletion in plan.delete:
            changed |= await self._delete(namespace, deletion)
        for manifest in plan.apply:
            try:
                changed |= await self._apply(namespace, manifest)
            except Terminal as error:
                kind, name = manifest["kind"], manifest["metadata"]["name"]
                refused = refused or Terminal(f"{kind} {name} was refused: {error}", error.reason)
        return Outcome(changed, refused)

    async def status(self, owner: RawObject, status: Mapping[str, Any] | None) -> bool:
        """Write the status if it differs from the observed one; whether it was written.

        Raises:
            Conflict: the object changed meanwhile.
        """
        observed = owner.body.get("status")
        if status is None or status == (observed or {}):
            return False
        wanted = sha256(orjson.dumps(status, option=orjson.OPT_SORT_KEYS)).digest()
        if self._written.get(owner.uid) == (wanted, observed):
            # The API server stores it differently than it was written (a pruned field): once is enough.
            return False
        resource = of_kind(owner.kind)
        body = {
            "apiVersion": resource.api_version,
            "kind": resource.kind,
            "metadata": {"name": owner.name, "namespace": owner.namespace, "resourceVersion": owner.resource_version},
            "status": status,
        }
        stored = await self._api.apply_status(resource, owner.namespace, owner.name, body)
        self._written[owner.uid] = (wanted, stored.get("status"))
        if stored.get("status") != status:
            logger.error("Status fields were pruned", extra={"kind": owner.kind, "object": owner.name})
        for key in self._cache.put(stored, owner.kind):
            if (key.kind, key.name) != (owner.kind, owner.name):
                self._enqueue(key)
        return True

    async def events(self, owner: RawObject, plan: Plan) -> None:
        """Send the plan's events."""
        for note in plan.events:
            await self._events.record(owner, note)

    def forget(self, uid: str) -> None:
        """The object or child is gone."""
        self._verified.pop(uid, None)
        self._written.pop(uid, None)

    async def _delete(self, namespace: str, deletion: Deletion) -> bool:
        known = self._cache.find(deletion.kind, namespace, deletion.name)
        if known is not None and known.uid == deletion.uid and known.raw.body["metadata"].get("deletionTimestamp"):
            return False
        try:
            left = await self._api.delete(
                of_kind(deletion.kind), namespace, deletion.name, deletion.uid, deletion.propagation
            )
        except (NotFound, Conflict):
            left = {}
        if (left.get("metadata") or {}).get("deletionTimestamp"):
            self._cache.put(left, deletion.kind)
        else:
            self._cache.remove(deletion.kind, namespace, deletion.name, deletion.uid)
        self.forget(deletion.uid)
        return True

    async def _apply(self, namespace: str, manifest: Mapping[str, Any]) -> bool:
        kind, name = manifest["kind"], manifest["metadata"]["name"]
        digest = sha256(orjson.dumps(manifest, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]
        marked = _marked(manifest, digest)
        if self._stands(kind, namespace, name, digest, marked):
            return False
        stored = await self._api.apply(of_kind(kind), namespace, name, marked)
        self._cache.put(stored, kind)
        cached = self._cache.find(kind, namespace, name)
        if cached is not None:
            self._verified[cached.uid] = (digest, cached.fingerprint)
        return True

    def _stands(self, kind: str, namespace: str, name: str, digest: str, manifest: Mapping[str, Any]) -> bool:
        cached = self._cache.find(kind, namespace, name)
        if cached is None:
            return False
        if cached.applied_hash != digest:
            return False
        token = (digest, cached.fingerprint)
        if self._verified.get(cached.uid) == token:
            return True
        # First sight since the start, or somebody touched a field that we own: compare with what is wanted.
        live = unpacked(cached)
        wanted = {key: value for key, value in manifest.items() if key not in {"apiVersion", "kind", "metadata"}}
        meta = manifest["metadata"]
        wanted["metadata"] = {key: meta[key] for key in ("labels", "annotations", "ownerReferences") if key in meta}
        if not covers(live, wanted):
            return False
        self._verified[cached.uid] = token
        return True


def _marked(manifest: Mapping[str, Any], digest: str) -> dict[str, Any]:
    metadata = dict(manifest["metadata"])
    metadata["annotations"] = {**(metadata.get("annotations") or {}), APPLIED_HASH: digest}
    return {**manifest, "metadata": metadata}
