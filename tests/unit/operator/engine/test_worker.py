"""In which order things are written."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from slipway_operator.cluster.resources import Resource
from slipway_operator.domain.planning import EventNote, Key, Kind, Plan, RawObject, Settings, Snapshot, StoreAccess
from slipway_operator.engine.backoff import Backoff
from slipway_operator.engine.cache import Cache
from slipway_operator.engine.executor import Executor
from slipway_operator.engine.load import LoadPoller
from slipway_operator.engine.progress import ProgressPoller
from slipway_operator.engine.queue import WorkQueue
from slipway_operator.engine.warnings import Warnings
from slipway_operator.engine.worker import Reconciler

SETTINGS = Settings(train_image="train:1", serve_image="serve:1")
STATUS = {"conditions": [{"type": "Ready", "reason": "Running"}]}


class Server:
    """Stores what it is given and remembers the order."""

    def __init__(self) -> None:
        self.written: list[str] = []

    async def apply(self, resource: Resource, namespace: str, name: str, manifest: Mapping[str, Any]) -> dict[str, Any]:
        return self._store(f"{resource.kind} {name}", namespace, manifest)

    async def apply_status(
        self, resource: Resource, namespace: str, name: str, manifest: Mapping[str, Any]
    ) -> dict[str, Any]:
        return self._store(f"status of {resource.kind} {name}", namespace, manifest)

    async def delete(self, resource: Resource, namespace: str, name: str, uid: str, propagation: str) -> dict[str, Any]:
        raise AssertionError(f"{resource.plural} {namespace}/{name} {uid} {propagation} is not expected")

    def _store(self, what: str, namespace: str, manifest: Mapping[str, Any]) -> dict[str, Any]:
        self.written.append(what)
        metadata = manifest["metadata"]
        name = metadata["name"]
        stored = {
            "namespace": namespace,
            "uid": name if "status" in manifest else f"{manifest['kind']}-{name}",
            "resourceVersion": str(len(self.written) + 1),
            "generation": 1,
        }
        return {**manifest, "metadata": {**metadata, **stored}}


class NoEvents:
    async def record(self, owner: RawObject, note: EventNote) -> None:
        raise AssertionError(f"{owner.name} {note} is not expected")


class NoStore:
    def access(self, _namespace: str) -> StoreAccess:
        return StoreAccess(uri="s3://slipway-team/", ready=True)

    def want(self, key: Key) -> float | None:
        raise AssertionError(f"{key} needs no store")


class Deaf:
    def reconciled(self, kind: str, result: str, seconds: float) -> None:
        assert (kind, result) == ("TrainingJob", "ok")
        assert seconds >= 0


async def no_progress(address: str) -> None:
    raise AssertionError(f"{address} is not polled")


async def no_load(_address: str) -> float | None:
    return None


def one_job(snapshot: Snapshot, _settings: Settings, _now: datetime) -> Plan:
    name = snapshot.key.name
    labels = {"slipway.dev/kind": "TrainingJob", "slipway.dev/name": name}
    owner = {"uid": snapshot.owner.uid, "controller": True}
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "namespace": "team", "labels": labels, "ownerReferences": [owner]},
    }
    return Plan(apply=(job,), status=STATUS)


async def settle(*names: str) -> list[str]:
    """Everything that is written for these objects, in order, by one worker."""
    server, queue, cache = Server(), WorkQueue(), Cache(lambda: 0.0)
    backoff = Backoff(lambda low, _: low)
    reconciler = Reconciler(
        cache=cache,
        queue=queue,
        executor=Executor(server, cache, NoEvents(), queue.add),
        decide=one_job,
        settings=SETTINGS,
        store=NoStore(),
        poller=ProgressPoller(no_progress, queue.add, lambda: 0.0),
        loads=LoadPoller(no_load, queue.add, lambda: 0.0),
        warnings=Warnings(cache),
        backoff=backoff,
        observer=Deaf(),
        wall=lambda: datetime(2026, 3, 1, tzinfo=UTC),
    )
    for name in names:
        metadata = {"name": name, "namespace": "team", "uid": name, "resourceVersion": "1", "generation": 1}
        cache.put({"metadata": metadata}, "TrainingJob")
        queue.add(Key(Kind.TRAINING_JOB, "team", name))
    while len(queue):
        key = await queue.get()
        await reconciler.reconcile(key)
        queue.done(key)
    return server.written


async def test_the_only_object_is_told_of_at_once() -> None:
    assert await settle("a") == ["Job a", "status of TrainingJob a"]


async def test_children_of_all_come_before_what_is_told_of_one() -> None:
    assert await settle("a", "b", "c") == [
        "Job a",
        "Job b",
        "Job c",
        "status of TrainingJob c",
        "status of TrainingJob a",
        "status of TrainingJob b",
    ]
