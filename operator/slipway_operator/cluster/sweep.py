"""The retention sweep: what statuses name is kept, the rest goes by each object's history and deletion policy.

Runs as a CronJob in the operator's namespace, with the operator's identity. It reads statuses from the API server and
the stores with the same accounts that pods use.
"""

import asyncio
import logging
import re
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp

from slipway_operator.cluster.api import Api
from slipway_operator.cluster.connection import load_configuration
from slipway_operator.cluster.errors import OperatorError
from slipway_operator.cluster.rate import TokenBucket
from slipway_operator.cluster.resources import OWNERS
from slipway_operator.cluster.store_accounts import StoreAccounts, StoreConfig, StoreMode
from slipway_runtime.artifact.sweep import sweep
from slipway_runtime.storage.uri import Mounts, open_uri

logger = logging.getLogger(__name__)

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"^(?P<number>[0-9]+)(?P<unit>[smhd])$")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass
class Marked:
    """What must stay in one store."""

    digests: set[str] = field(default_factory=set)
    objects: set[tuple[str, str, str]] = field(default_factory=set)


def duration(text: str) -> timedelta:
    """``24h``, ``30m``, ``0s`` as a time span.

    Raises:
        ValueError: not a number with one of s, m, h, d.
    """
    match = _DURATION.match(text)
    if match is None:
        raise ValueError(f"duration {text!r}: a number with s, m, h or d, such as 24h")
    return timedelta(seconds=int(match["number"]) * _UNITS[match["unit"]])


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


async def run(config: StoreConfig, namespaces: tuple[str, ...], grace: timedelta) -> int:
    """Sweep the install's store; 1 if any namespace's store could not be swept.

    Args:
        config: the install's store.
        namespaces: the watched ones; empty for all.
        grace: age below which nothing goes.
    """
    if config.mode is StoreMode.NONE:
        return 0
    api = Api(await load_configuration(8), TokenBucket(100, 100, time.monotonic))
    failed = False
    try:
        marked = await _mark(api, namespaces)
        async with aiohttp.ClientSession() as session:
            accounts = StoreAccounts(api, session, config)
            stores: dict[str, Marked] = defaultdict(Marked)
            representative: dict[str, str] = {}
            for namespace, marks in marked.items():
                uri = accounts.uri(namespace)
                representative.setdefault(uri, namespace)
                stores[uri].objects |= marks.objects
                # A digest named in one namespace may lie in a store that it shares with others.
                stores[uri].digests |= marks.digests
            for uri, marks in stores.items():
                try:
                    values = await accounts.values(representative[uri])
                    await asyncio.to_thread(_sweep, uri, values, marks, grace)
                except Exception:
                    failed = True
                    logger.exception("Store not swept", extra={"store": uri})
    finally:
        await api.close()
    return int(failed)


async def _mark(api: Api, namespaces: tuple[str, ...]) -> dict[str, Marked]:
    marked: dict[str, Marked] = defaultdict(Marked)
    for resource in OWNERS:
        for namespace in namespaces or (None,):
            async for _, items in api.pages(resource, namespace, None):
                for item in items:
                    metadata = item["metadata"]
                    marks = marked[metadata["namespace"]]
                    marks.objects.add((metadata["namespace"], resource.kind.lower(), metadata["name"]))
                    marks.digests |= set(digests_in(item.get("status"))) | set(digests_in(item.get("spec")))
    return marked


def _sweep(uri: str, values: Mapping[str, str], marks: Marked, grace: timedelta) -> None:
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        for key, value in values.items():
            (directory / key).write_text(value)
        sweep(open_uri(uri, Mounts(store=directory)), marks.digests, marks.objects, datetime.now(tz=UTC), grace)


__all__ = ["Marked", "OperatorError", "digests_in", "duration", "run"]
