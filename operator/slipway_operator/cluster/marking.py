"""What the sweep must leave alone, read from the objects that exist."""

import re
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from slipway_operator.cluster.api import Api
from slipway_operator.cluster.resources import MODEL_SERVICES, OWNERS
from slipway_operator.cluster.store_accounts import StoreConfig, StoreMode, store_uri
from slipway_operator.domain.planning import STORE_SECRET
from slipway_runtime.artifact.retention import Living, ObjectKey
from slipway_runtime.run.result import Retention

FRESH_SECONDS = 30.0

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True)
class Output:
    """A ``spec.output`` that names a store."""

    namespace: str
    uri: str
    secret_name: str | None


@dataclass(frozen=True)
class Marked:
    """What exists, and the stores that specs name."""

    living: Living
    outputs: frozenset[Output]


def digests_in(node: Any) -> Iterator[str]:
    """Every digest that a status or spec names, wherever it stands."""
    if isinstance(node, Mapping):
        for value in node.values():
            yield from digests_in(value)
    elif isinstance(node, list):
        for value in node:
            yield from digests_in(value)
    elif isinstance(node, str):
        yield from _DIGEST.findall(node)
        name, _, sha256 = node.rpartition("/manifests/")
        if name and re.fullmatch("[0-9a-f]{64}", sha256):
            yield f"sha256:{sha256}"


def mark(items: Iterable[tuple[str, Mapping[str, Any]]], watched: tuple[str, ...]) -> Marked:
    """What must stay, by objects as the API server has them.

    A digest counts in every store: an object may name an artifact of a store that is not its namespace's.

    Args:
        items: Kind and object.
        watched: The only namespaces that ``items`` are of; empty for all.
    """
    objects: dict[ObjectKey, Retention | None] = {}
    digests: set[str] = set()
    outputs: set[Output] = set()
    for kind, item in items:
        metadata, spec = item["metadata"], item.get("spec") or {}
        objects[metadata["namespace"], kind.lower(), metadata["name"]] = _retention(kind, spec)
        digests.update(digests_in(item.get("status")), digests_in(spec))
        output = spec.get("output") or {}
        if output.get("uri"):
            outputs.add(Output(metadata["namespace"], output["uri"], output.get("secretName")))
    return Marked(Living(objects, frozenset(digests), frozenset(watched) or None), frozenset(outputs))


def elsewhere(outputs: Iterable[Output], config: StoreConfig) -> dict[str, tuple[str, ...]]:
    """Stores that specs name and the sweep does not visit, each with the namespaces whose specs name it.

    The sweep visits the install's own store. A store of somebody's own needs a Secret of their namespace, which
    nobody here may read, and may hold what no object of this cluster knows.
    """
    found: dict[str, set[str]] = {}
    for output in outputs:
        own = store_uri(config, output.namespace)
        uri = output.uri.rstrip("/") + "/"
        # A bucket of the embedded store is all ours; below an external root another install may have its own.
        inside = uri.startswith(own) if config.mode is StoreMode.EMBEDDED else uri == own
        if not inside or output.secret_name not in {None, STORE_SECRET}:
            found.setdefault(output.uri, set()).add(output.namespace)
    return {uri: tuple(sorted(namespaces)) for uri, namespaces in sorted(found.items())}


async def read_marked(api: Api, watched: tuple[str, ...]) -> Marked:
    """Mark by all objects in the watched namespaces (empty: in all).

    Raises:
        OperatorError: The objects cannot be listed; then nothing is known.
    """
    parts = [
        mark(((resource.kind, item) for item in page), watched)  # page by page: all objects at once are too much
        for resource in OWNERS
        for namespace in watched or (None,)
        async for _, page in api.pages(resource, namespace, None)
    ]
    living = Living(
        {key: wanted for part in parts for key, wanted in part.living.objects.items()},
        frozenset[str]().union(*(part.living.digests for part in parts)),
        frozenset(watched) or None,
    )
    return Marked(living, frozenset[Output]().union(*(part.outputs for part in parts)))


class Marks:
    """What exists, read again once it is old: a long sweep must see what was made since it began.

    Args:
        read: Reads it.
        monotonic: Seconds that never go back.
    """

    def __init__(self, read: Callable[[], Awaitable[Marked]], monotonic: Callable[[], float] = time.monotonic) -> None:
        self._read = read
        self._monotonic = monotonic
        self._found: tuple[float, Marked] | None = None

    async def current(self) -> Marked:
        """What exists, known at most half a minute ago."""
        now = self._monotonic()
        if self._found is None or now - self._found[0] > FRESH_SECONDS:
            self._found = (now, await self._read())
        return self._found[1]


def _retention(kind: str, spec: Mapping[str, Any]) -> Retention | None:
    if kind == MODEL_SERVICES.kind:
        return None
    return Retention.model_validate({name: spec[name] for name in ("history", "deletionPolicy") if name in spec})
