"""What the operator knows of the cluster, indexed by what decisions ask for."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from slipway_operator.cluster.resources import OWNERS
from slipway_operator.domain.planning import Key, Kind, RawObject
from slipway_operator.engine.expectations import Tombstones, newer
from slipway_operator.engine.references import Target, referred
from slipway_operator.engine.trim import Cached, trim

_OWNER_KINDS = frozenset(resource.kind for resource in OWNERS)
_KINDS = frozenset(kind.value for kind in Kind)
_CONTROLLER_STEPS = 3

Name = tuple[str, str]


class Cache:
    """Objects by kind and name, children by owner, dependents by source.

    Every change answers which keys must be looked at again. An object older than the cached one is ignored, so a
    write's answer may be put here before the watch shows it.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._objects: dict[str, dict[Name, Cached]] = defaultdict(dict)
        self._uids: dict[str, Cached] = {}
        self._children: dict[Key, set[tuple[str, str]]] = defaultdict(set)
        self._dependents: dict[Target, set[Key]] = defaultdict(set)
        self._tombstones = Tombstones(clock)

    def put(self, body: Mapping[str, Any], kind: str) -> set[Key]:
        """Take an object in; the keys it concerns, empty when it is not newer than what is known."""
        metadata = body["metadata"]
        name = (metadata.get("namespace", ""), metadata["name"])
        known = self._objects[kind].get(name)
        if metadata["uid"] in self._tombstones:
            return set()
        if known is not None and not newer(metadata["resourceVersion"], known.resource_version):
            return set()
        if known is not None and known.uid != metadata["uid"]:
            self._drop(known)
        cached = trim(body, kind)
        self._objects[kind][name] = cached
        self._uids[cached.uid] = cached
        if kind in _OWNER_KINDS:
            return self._put_owner(cached, known)
        if cached.child_of is None:
            return set()
        self._children[cached.child_of].add((kind, cached.name))
        return {cached.child_of}

    def remove(self, kind: str, namespace: str, name: str, uid: str) -> set[Key]:
        """The object with that uid is gone; the keys that concerns."""
        self._tombstones.bury(uid)
        known = self._objects[kind].get((namespace, name))
        if known is None or known.uid != uid:
            return set()
        del self._objects[kind][(namespace, name)]
        return self._drop(known)

    def find(self, kind: str, namespace: str, name: str) -> Cached | None:
        """An object by name."""
        return self._objects[kind].get((namespace, name))

    def owner(self, key: Key) -> RawObject | None:
        """The object that a key names."""
        cached = self._objects[key.kind.value].get((key.namespace, key.name))
        return cached.raw if cached else None

    def children(self, key: Key, uid: str) -> dict[str, tuple[RawObject, ...]]:
        """By kind, what the object with that uid owns, directly or through a Job, Deployment or ReplicaSet."""
        found: dict[str, list[RawObject]] = defaultdict(list)
        for kind, name in sorted(self._children.get(key, ())):
            cached = self._objects[kind].get((key.namespace, name))
            if cached is not None and self._belongs(cached, uid):
                found[kind].append(cached.raw)
        return {kind: tuple(objects) for kind, objects in found.items()}

    def sources(self, owner: RawObject) -> dict[tuple[str, str], RawObject]:
        """What the object's references reach, to the end of the chain."""
        found: dict[tuple[str, str], RawObject] = {}
        open_ends = list(referred(owner.body, owner.namespace))
        while open_ends:
            kind, namespace, name = open_ends.pop()
            cached = self._objects[kind].get((namespace, name)) if kind in _KINDS else None
            if cached is not None and (kind, name) not in found:
                found[(kind, name)] = cached.raw
                open_ends += cached.refers
        return found

    def reconciled(self) -> list[Key]:
        """All objects that are reconciled."""
        return [Key(Kind(kind), *name) for kind in sorted(_KINDS) for name in self._objects[kind]]

    def of_kind(self, kind: str) -> list[Cached]:
        """All objects of a kind."""
        return list(self._objects[kind].values())

    def counts(self) -> dict[str, int]:
        """Number of objects by kind."""
        return {kind: len(objects) for kind, objects in self._objects.items()}

    def child_of(self, uid: str) -> Key | None:
        """The object that the child with that uid belongs to."""
        cached = self._uids.get(uid)
        return cached.child_of if cached else None

    def _put_owner(self, cached: Cached, known: Cached | None) -> set[Key]:
        key = Key(Kind(cached.kind), cached.namespace, cached.name)
        before = known.refers if known else frozenset()
        for target in before - cached.refers:
            self._dependents[target].discard(key)
        for target in cached.refers - before:
            self._dependents[target].add(key)
        if known is None or known.result != cached.result:
            return {key} | self._reached_by(key)
        return {key}

    def _drop(self, cached: Cached) -> set[Key]:
        self._uids.pop(cached.uid, None)
        if cached.kind in _OWNER_KINDS:
            key = Key(Kind(cached.kind), cached.namespace, cached.name)
            for target in cached.refers:
                self._dependents[target].discard(key)
            return {key} | self._reached_by(key)
        if cached.child_of is None:
            return set()
        self._children[cached.child_of].discard((cached.kind, cached.name))
        if not self._children[cached.child_of]:
            del self._children[cached.child_of]
        return {cached.child_of}

    def _reached_by(self, key: Key) -> set[Key]:
        """Everything that refers to the key, directly or by way of others."""
        reached: set[Key] = set()
        open_ends = [key]
        while open_ends:
            one = open_ends.pop()
            fresh = self._dependents.get((one.kind.value, one.namespace, one.name), set()) - reached
            reached |= fresh
            open_ends += fresh
        return reached

    def _belongs(self, cached: Cached, uid: str) -> bool:
        step: Cached | None = cached
        for _ in range(_CONTROLLER_STEPS):
            if step is None:
                return False
            if step.controller == uid:
                return True
            step = self._uids.get(step.controller)
        return False


def vanished(known: Iterable[Cached], seen: Mapping[str, str], list_version: str) -> list[Cached]:
    """Objects that a complete LIST no longer has.

    Args:
        known: what the cache holds.
        seen: the list's resourceVersions by uid.
        list_version: resourceVersion of the list; what is newer than it cannot be judged by it.
    """
    return [one for one in known if one.uid not in seen and not newer(one.resource_version, list_version)]
