"""What the executor does beyond writing."""

from collections.abc import Mapping
from typing import Any

from slipway_operator.cluster.resources import Resource
from slipway_operator.domain.planning import EventNote, Key, Kind, RawObject
from slipway_operator.engine.cache import Cache
from slipway_operator.engine.executor import Executor


class Server:
    """Stores what it is given under the next resourceVersion."""

    async def apply(self, resource: Resource, namespace: str, name: str, manifest: Mapping[str, Any]) -> dict[str, Any]:
        raise AssertionError(f"{resource.plural} {namespace}/{name} {manifest} is not expected")

    async def apply_status(
        self, resource: Resource, namespace: str, name: str, manifest: Mapping[str, Any]
    ) -> dict[str, Any]:
        assert (resource.kind, namespace, name) == ("TrainingJob", "team", "digits")
        metadata = {**manifest["metadata"], "uid": "uid-1", "resourceVersion": "2", "generation": 1}
        return {**manifest, "metadata": metadata}

    async def delete(self, resource: Resource, namespace: str, name: str, uid: str, propagation: str) -> dict[str, Any]:
        raise AssertionError(f"{resource.plural} {namespace}/{name} {uid} {propagation} is not expected")


class NoEvents:
    async def record(self, owner: RawObject, note: EventNote) -> None:
        raise AssertionError(f"{owner.name} {note} is not expected")


async def test_a_written_status_wakes_those_that_wait_for_it() -> None:
    cache, woken = Cache(lambda: 0.0), list[Key]()
    source = {
        "metadata": {"name": "digits", "namespace": "team", "uid": "uid-1", "resourceVersion": "1", "generation": 1}
    }
    waiting = {
        "metadata": {"name": "small", "namespace": "team", "uid": "uid-2", "resourceVersion": "1"},
        "spec": {"source": {"from": {"kind": "TrainingJob", "name": "digits"}}},
    }
    cache.put(source, "TrainingJob")
    cache.put(waiting, "CompressionJob")
    owner = cache.owner(Key(Kind.TRAINING_JOB, "team", "digits"))
    assert owner is not None

    wrote = await Executor(Server(), cache, NoEvents(), woken.append).status(
        owner, {"artifact": {"digest": "sha256:1"}}
    )

    assert wrote
    assert woken == [Key(Kind.COMPRESSION_JOB, "team", "small")]
