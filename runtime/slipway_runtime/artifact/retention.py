"""What a store may forget: a pure decision over what is in it and what is referenced."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from slipway_runtime.artifact.publish import BLOBS, MANIFESTS
from slipway_runtime.run.result import RESULT_FILE, Retention
from slipway_runtime.storage.store import Entry

RUNS = "runs"

ObjectKey = tuple[str, str, str]
"""Namespace, kind in lower case, name."""

# The shortest root wins: what a program keeps among its checkpoints may look like a store.
_IN_A_STORE = re.compile(
    rf"^(?:(?P<root>.+?)/)??(?:{MANIFESTS}/[0-9a-f]{{64}}"
    rf"|{RUNS}/[^/]+/(?:trainingjob|compressionjob|modelservice)/[^/]+/[^/]+/.+)$"
)


@dataclass(frozen=True)
class Living:
    """What exists.

    Attributes:
        objects: The objects that exist, with what their specs say of retention now (None: nothing).
        digests: Digests (``sha256:…``) that any status or spec names.
        namespaces: Those whose objects are known; None: of all. Nothing is known to be gone from any other.
    """

    objects: Mapping[ObjectKey, Retention | None]
    digests: frozenset[str]
    namespaces: frozenset[str] | None = None

    def knows(self, owner: ObjectKey) -> bool:
        """Whether it is known if the object exists."""
        return self.namespaces is None or owner[0] in self.namespaces

    def lacks(self, owner: ObjectKey) -> bool:
        """Whether the object is certainly gone."""
        return self.knows(owner) and owner not in self.objects


@dataclass(frozen=True)
class PublishedRun:
    """What a run's ``result.json`` says that matters here."""

    owner: ObjectKey
    run: str
    digest: str
    finished_at: datetime
    history: int
    deletion_policy: str

    @property
    def prefix(self) -> str:
        """Key of the run's folder."""
        return "/".join((RUNS, *self.owner, self.run))


@dataclass(frozen=True)
class Inventory:
    """All of a store.

    Attributes:
        entries: Every object.
        runs: Every run whose ``result.json`` reads.
        blobs_of: Manifest digest to the hex hashes of its files, for every manifest that reads.
        unreadable: Keys of records and manifests that do not read: what they refer to is unknown.
    """

    entries: tuple[Entry, ...]
    runs: tuple[PublishedRun, ...]
    blobs_of: Mapping[str, frozenset[str]]
    unreadable: tuple[str, ...]


def roots(keys: Iterable[str]) -> tuple[str, ...]:
    """Prefixes below which a bucket holds a store of ours; its own root (empty) first, whatever it holds."""
    found = {match["root"] or "" for key in keys if (match := _IN_A_STORE.match(key))}
    return tuple(sorted(found | {""}))


def outdated(runs: Iterable[PublishedRun], living: Living) -> tuple[tuple[PublishedRun, Retention], ...]:
    """Newest records that say other things of retention than the spec does now, with what the spec says.

    Only a record can tell what an object wanted once it is gone.
    """
    newest = (owned[0] for owned in _by_owner(runs).values())
    return tuple(
        (run, wanted)
        for run in newest
        if (wanted := living.objects.get(run.owner)) is not None
        and (run.history, run.deletion_policy) != (wanted.history, wanted.deletion_policy)
    )


def expendable(inventory: Inventory, living: Living, now: datetime, grace: timedelta) -> tuple[Entry, ...]:
    """The objects that may go, in the order in which they must go: records, then manifests, then files.

    Kept are: what a living object names; the newest ``history`` runs of an object that exists; all runs of an object
    that is gone with ``deletionPolicy: Retain``, or of which nothing is known; whatever was written within the grace;
    and files that any kept or young manifest names. Checkpoints go once their run has published or its object is
    gone. While anything does not read, no manifest and no file goes, because it may be needed.

    Args:
        inventory: What the store holds.
        living: What exists.
        now: The time (UTC).
        grace: Age below which nothing goes: longer than any upload takes.
    """
    old = [entry for entry in inventory.entries if now - entry.modified >= grace]
    kept_runs = _kept_runs(inventory.runs, living)
    gone = _run_entries(old, inventory, kept_runs, living)
    if inventory.unreadable:
        return gone
    marked = living.digests | {run.digest for run in kept_runs}
    # A young record, or one of a run about to go that a young object still holds, keeps its manifest until next time.
    going = {entry.key for entry in gone}
    marked |= {run.digest for run in inventory.runs if f"{run.prefix}/{RESULT_FILE}" not in going}
    manifests = tuple(
        entry for entry in old if entry.key.startswith(f"{MANIFESTS}/") and _digest_of(entry.key) not in marked
    )
    unwanted = {_digest_of(entry.key) for entry in manifests}
    needed = {blob for digest, blobs in inventory.blobs_of.items() if digest not in unwanted for blob in blobs}
    files = tuple(
        entry
        for entry in old
        if entry.key.startswith(f"{BLOBS}/") and entry.key.removeprefix(f"{BLOBS}/") not in needed
    )
    return gone + manifests + files


def _digest_of(key: str) -> str:
    return "sha256:" + key.removeprefix(f"{MANIFESTS}/")


def _by_owner(runs: Iterable[PublishedRun]) -> dict[ObjectKey, list[PublishedRun]]:
    """Every object's runs, newest first."""
    found: dict[ObjectKey, list[PublishedRun]] = defaultdict(list)
    for run in sorted(runs, key=lambda run: (run.finished_at, run.run), reverse=True):
        found[run.owner].append(run)
    return found


def _kept_runs(runs: Iterable[PublishedRun], living: Living) -> frozenset[PublishedRun]:
    kept: set[PublishedRun] = set()
    for owner, newest_first in _by_owner(runs).items():
        recorded = newest_first[0]
        if owner in living.objects:
            wanted = living.objects[owner]
            kept.update(newest_first[: wanted.history if wanted else recorded.history])
        elif not living.knows(owner) or recorded.deletion_policy == "Retain":
            kept.update(newest_first)
        kept.update(run for run in newest_first if run.digest in living.digests)
    return frozenset(kept)


def _run_entries(
    old: Iterable[Entry],
    inventory: Inventory,
    kept: frozenset[PublishedRun],
    living: Living,
) -> tuple[Entry, ...]:
    published = {run.prefix: run for run in inventory.runs}
    latest: dict[ObjectKey, datetime] = {}
    for run in inventory.runs:
        latest[run.owner] = max(run.finished_at, latest.get(run.owner, run.finished_at))
    youngest: dict[str, datetime] = {}
    for entry in inventory.entries:
        folder = _folder_of(entry.key)
        if folder is not None:
            youngest[folder] = max(entry.modified, youngest.get(folder, entry.modified))
    unread = {folder for key in inventory.unreadable if (folder := _folder_of(key)) is not None}
    old_keys = {entry.key for entry in old}
    young = {_folder_of(entry.key) for entry in inventory.entries if entry.key not in old_keys}
    gone: list[Entry] = []
    for entry in inventory.entries:
        folder = _folder_of(entry.key)
        if folder is None or folder in unread or entry.key not in old_keys:
            continue
        done = published.get(folder)
        if done is not None:
            is_checkpoint = entry.key.startswith(f"{folder}/checkpoints/")
            if is_checkpoint or done not in kept:
                gone.append(entry)
            continue
        owner = _owner_of(folder)
        superseded = owner in latest and youngest[folder] < latest[owner]
        # The whole folder goes or stays: half a set of checkpoints is no checkpoint.
        if (living.lacks(owner) or superseded) and folder not in young:
            gone.append(entry)
    return tuple(sorted(gone, key=lambda entry: (not entry.key.endswith(f"/{RESULT_FILE}"), entry.key)))


def _folder_of(key: str) -> str | None:
    parts = key.split("/")
    return "/".join(parts[:5]) if len(parts) > 5 and parts[0] == RUNS else None  # noqa: PLR2004 - runs/ns/kind/name/run/…


def _owner_of(folder: str) -> ObjectKey:
    _, namespace, kind, name, _ = folder.split("/")
    return (namespace, kind, name)
