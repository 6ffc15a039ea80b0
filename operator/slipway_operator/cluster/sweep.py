"""The retention sweep: what objects name is kept, the rest goes by each object's history and deletion policy.

Runs as a CronJob in the operator's namespace, with the operator's identity. It reads objects from the API server, and
the install's own store with the install's own key: also what objects and namespaces left there that are gone.
"""

import asyncio
import logging
import re
import tempfile
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import aiohttp

from slipway_operator.cluster.api import Api
from slipway_operator.cluster.connection import load_configuration
from slipway_operator.cluster.errors import OperatorError
from slipway_operator.cluster.marking import Marks, elsewhere, read_marked
from slipway_operator.cluster.rate import TokenBucket
from slipway_operator.cluster.store_accounts import StoreAccounts, StoreConfig, StoreMode, bucket_name
from slipway_runtime.artifact.retention import roots
from slipway_runtime.artifact.sweep import sweep, take_inventory
from slipway_runtime.storage.store import Store
from slipway_runtime.storage.uri import Mounts, open_uri

logger = logging.getLogger(__name__)

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"^(?P<number>[0-9]+)(?P<unit>[smhd])$")


def duration(text: str) -> timedelta:
    """``24h``, ``30m``, ``0s`` as a time span.

    Raises:
        ValueError: not a number with one of s, m, h, d.
    """
    match = _DURATION.match(text)
    if match is None:
        raise ValueError(f"duration {text!r}: a number with s, m, h or d, such as 24h")
    return timedelta(seconds=int(match["number"]) * _UNITS[match["unit"]])


def watched_buckets(buckets: tuple[str, ...], watched: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The buckets to sweep, and those of namespaces whose objects cannot be seen."""
    if not watched:
        return buckets, ()
    known = {bucket_name(namespace) for namespace in watched}
    return tuple(one for one in buckets if one in known), tuple(one for one in buckets if one not in known)


async def run(config: StoreConfig, namespaces: tuple[str, ...], grace: timedelta) -> int:
    """Sweep the install's store; 1 if any part of it could not be swept.

    Args:
        config: the install's store.
        namespaces: the watched ones; empty for all.
        grace: age below which nothing goes.
    """
    api = Api(await load_configuration(8), TokenBucket(100, 100, time.monotonic))
    try:
        async with aiohttp.ClientSession() as session:
            accounts = StoreAccounts(api, session, config)
            marks = Marks(partial(read_marked, api, namespaces))
            return await sweep_install(config, accounts, marks, namespaces, grace)
    except OperatorError as error:
        logger.error("Nothing swept: it is not known what there is", extra={"error": str(error)})  # noqa: TRY400 - a sentence for people, not a stack
        return 1
    finally:
        await api.close()


async def sweep_install(
    config: StoreConfig, accounts: StoreAccounts, marks: Marks, namespaces: tuple[str, ...], grace: timedelta
) -> int:
    """Sweep every store of the install, one after the other; 1 if one could not be.

    Raises:
        OperatorError: the API server or the store does not say what there is.
    """
    for uri, named_in in elsewhere((await marks.current()).outputs, config).items():
        logger.warning(
            "Store not swept: spec.output names it, and its credentials are not the sweep's to read",
            extra={"store": uri, "namespaces": named_in},
        )
    if config.mode is StoreMode.NONE:
        return 0
    failed = False
    values = await accounts.own_values()
    for uri in await _stores(config, accounts, namespaces):
        try:
            await _sweep(uri, values, marks, grace, nested=config.mode is StoreMode.EMBEDDED)
        except Exception:
            failed = True
            logger.exception("Store not swept", extra={"store": uri})
    return int(failed)


async def _stores(config: StoreConfig, accounts: StoreAccounts, namespaces: tuple[str, ...]) -> tuple[str, ...]:
    if config.mode is StoreMode.EXTERNAL:
        return (config.uri,)
    ours, unseen = watched_buckets(await accounts.buckets(), namespaces)
    if unseen:
        logger.info("Buckets not swept: their namespaces are not watched", extra={"buckets": unseen})
    return tuple(f"s3://{bucket}" for bucket in ours)


async def _sweep(uri: str, values: Mapping[str, str], marks: Marks, grace: timedelta, *, nested: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        for key, value in values.items():
            (directory / key).write_text(value)
        mounts = Mounts(store=directory)
        found = await asyncio.to_thread(_roots, open_uri(uri, mounts)) if nested else ("",)
        for root in found:
            store = open_uri(f"{uri}/{root}".rstrip("/"), mounts)
            inventory = await asyncio.to_thread(take_inventory, store)
            living = (await marks.current()).living
            await asyncio.to_thread(sweep, store, inventory, living, datetime.now(tz=UTC), grace)


def _roots(store: Store) -> tuple[str, ...]:
    return roots(entry.key for entry in store.list())


__all__ = ["duration", "run", "sweep_install", "watched_buckets"]
