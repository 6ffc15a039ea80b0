"""Retention, carried out: read a store, decide, delete."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import ValidationError

from slipway_runtime.artifact.errors import ArtifactCorrupt
from slipway_runtime.artifact.package import parse_manifest
from slipway_runtime.artifact.publish import MANIFESTS
from slipway_runtime.artifact.retention import RUNS, Inventory, Living, PublishedRun, expendable, outdated
from slipway_runtime.run.result import RESULT_FILE, ResultRecord, Retention
from slipway_runtime.storage.errors import ObjectMissing
from slipway_runtime.storage.store import Entry, Store

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SweepReport:
    """What a sweep did.

    Attributes:
        deleted: Keys that are gone.
        freed_bytes: Their size.
        unreadable: Records and manifests that do not read; while there are any, manifests and files stay.
    """

    deleted: tuple[str, ...]
    freed_bytes: int
    unreadable: tuple[str, ...]


def sweep(store: Store, inventory: Inventory, living: Living, now: datetime, grace: timedelta) -> SweepReport:
    """Delete what nothing needs any more. Safe beside publishing pods, and safe to kill at any point.

    Args:
        store: The root of one content-addressed store.
        inventory: What it held, read before ``living`` was: what was published since is in neither and stays.
        living: What exists.
        now: The time (UTC).
        grace: Age below which nothing goes; longer than any upload takes.

    Raises:
        StoreError: The store refused or does not answer; what was deleted until then was not needed.
    """
    for key in inventory.unreadable:
        _log.warning("does not read; manifests and files stay until it is repaired or removed", extra={"key": key})
    _remember(store, outdated(inventory.runs, living))
    deleted = []
    freed = 0
    for entry in expendable(inventory, living, now, grace):
        if not _unchanged(store, entry):
            continue
        store.delete([entry.key])
        deleted.append(entry.key)
        _log.info("deleted", extra={"store": store.uri, "key": entry.key})
        freed += entry.size
    report = SweepReport(tuple(deleted), freed, inventory.unreadable)
    _log.info("swept", extra={"store": store.uri, "deleted": len(deleted), "freedBytes": freed})
    return report


def take_inventory(store: Store) -> Inventory:
    """Read a store's listing, its run records and its manifests."""
    entries = tuple(sorted(store.list(), key=lambda entry: entry.key))
    runs: list[PublishedRun] = []
    blobs_of: dict[str, frozenset[str]] = {}
    unreadable: list[str] = []
    for entry in entries:
        parts = entry.key.split("/")
        try:
            if parts[0] == MANIFESTS:
                manifest = parse_manifest(store.read(entry.key), store.locate(entry.key))
                blobs_of[f"sha256:{parts[-1]}"] = frozenset(file.sha256 for file in manifest.files)
            elif parts[0] == RUNS and parts[-1] == RESULT_FILE and len(parts) == 6:  # noqa: PLR2004 - runs/ns/kind/name/run/result.json
                runs.append(_run(parts, ResultRecord.model_validate_json(store.read(entry.key))))
        except ObjectMissing:
            continue
        except (ArtifactCorrupt, ValidationError):
            unreadable.append(entry.key)
    return Inventory(entries, tuple(runs), blobs_of, tuple(unreadable))


def _remember(store: Store, changes: Iterable[tuple[PublishedRun, Retention]]) -> None:
    """Write into records what specs say of retention now."""
    for run, wanted in changes:
        key = f"{run.prefix}/{RESULT_FILE}"
        try:
            record = ResultRecord.model_validate_json(store.read(key))
        except ObjectMissing:
            continue
        changed = {"history": wanted.history, "deletion_policy": wanted.deletion_policy}
        store.write(key, record.model_copy(update=changed).to_json())
        _log.info("retention changed", extra={"store": store.uri, "key": key, **changed})


def _run(parts: list[str], record: ResultRecord) -> PublishedRun:
    _, namespace, kind, name, run, _ = parts
    return PublishedRun(
        owner=(namespace, kind, name),
        run=run,
        digest=record.digest,
        finished_at=record.finished_at,
        history=record.history,
        deletion_policy=record.deletion_policy,
    )


def _unchanged(store: Store, entry: Entry) -> bool:
    """Whether an object is as old as the listing said: a publisher that needs it again has written it anew."""
    try:
        return store.stat(entry.key).modified <= entry.modified
    except ObjectMissing:
        return False
