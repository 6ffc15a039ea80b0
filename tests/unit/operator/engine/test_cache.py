"""What is known, who owns it, who waits for it."""

from typing import Any

import pytest

from slipway_operator.domain.planning import Key, Kind
from slipway_operator.engine.cache import Cache, vanished
from slipway_operator.engine.expectations import newer

TRAIN = Key(Kind.TRAINING_JOB, "team", "digits")
SMALL = Key(Kind.COMPRESSION_JOB, "team", "small")
SERVED = Key(Kind.MODEL_SERVICE, "team", "served")


def body(
    name: str, uid: str, version: int, *, spec: dict[str, Any] | None = None, status: dict[str, Any] | None = None
) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "team", "uid": uid, "resourceVersion": str(version), "generation": 1}
    return {"metadata": metadata, "spec": spec or {}, "status": status or {}}


def child(name: str, uid: str, version: int, controller: str, of: Key = TRAIN) -> dict[str, Any]:
    made = body(name, uid, version)
    made["metadata"]["labels"] = {"slipway.dev/kind": of.kind.value, "slipway.dev/name": of.name}
    made["metadata"]["ownerReferences"] = [{"uid": controller, "controller": True}]
    return made


@pytest.fixture
def cache() -> Cache:
    return Cache(lambda: 0.0)


def chain(cache: Cache) -> None:
    cache.put(body("digits", "u1", 1), "TrainingJob")
    cache.put(
        body("small", "u2", 1, spec={"source": {"from": {"kind": "TrainingJob", "name": "digits"}}}), "CompressionJob"
    )
    cache.put(
        body("served", "u3", 1, spec={"model": {"from": {"kind": "CompressionJob", "name": "small"}}}), "ModelService"
    )


def test_a_result_wakes_all_that_wait_for_it_and_progress_wakes_nobody(cache: Cache) -> None:
    chain(cache)
    assert cache.put(body("digits", "u1", 2, status={"progress": {"step": 1}}), "TrainingJob") == {TRAIN}
    published = {"artifact": {"digest": "d"}, "progress": {"step": 2}}
    assert cache.put(body("digits", "u1", 3, status=published), "TrainingJob") == {TRAIN, SMALL, SERVED}
    assert cache.remove("TrainingJob", "team", "digits", "u1") == {TRAIN, SMALL, SERVED}


def test_sources_reach_to_the_end_of_the_chain_and_end_in_circles(cache: Cache) -> None:
    chain(cache)
    owner = cache.owner(SERVED)
    assert owner is not None
    assert set(cache.sources(owner)) == {("CompressionJob", "small"), ("TrainingJob", "digits")}
    circle = {"source": {"from": {"kind": "CompressionJob", "name": "small"}}}
    cache.put(body("small", "u2", 2, spec=circle), "CompressionJob")
    assert set(cache.sources(owner)) == {("CompressionJob", "small")}


def test_a_changed_reference_forgets_the_old_source(cache: Cache) -> None:
    chain(cache)
    cache.put(body("small", "u2", 2, spec={"source": {"uri": "s3://a/b"}}), "CompressionJob")
    assert cache.put(body("digits", "u1", 2, status={"attempt": 1}), "TrainingJob") == {TRAIN}


def test_what_is_older_or_known_is_ignored(cache: Cache) -> None:
    assert cache.put(child("j", "c1", 5, "u1"), "Job") == {TRAIN}
    for version in (5, 4):
        assert cache.put(child("j", "c1", version, "u1"), "Job") == set()
    assert cache.put(child("j", "c1", 10, "u1"), "Job") == {TRAIN}


def test_a_deleted_object_does_not_come_back_but_its_successor_does(cache: Cache) -> None:
    cache.put(child("j", "c1", 5, "u1"), "Job")
    assert cache.remove("Job", "team", "j", "c1") == {TRAIN}
    assert cache.put(child("j", "c1", 9, "u1"), "Job") == set()
    assert cache.put(child("j", "c2", 8, "u1"), "Job") == {TRAIN}
    assert cache.remove("Job", "team", "j", "c1") == set()
    assert cache.find("Job", "team", "j") is not None


def test_children_belong_by_the_chain_of_controllers(cache: Cache) -> None:
    cache.put(body("digits", "u1", 1), "TrainingJob")
    cache.put(child("p", "p1", 1, "c1"), "Pod")
    assert cache.children(TRAIN, "u1") == {}, "its Job is not known"
    cache.put(child("j", "c1", 1, "u1"), "Job")
    assert {kind: len(found) for kind, found in cache.children(TRAIN, "u1").items()} == {"Job": 1, "Pod": 1}
    assert cache.children(TRAIN, "another owner of that name") == {}
    cache.remove("Pod", "team", "p", "p1")
    assert "Pod" not in cache.children(TRAIN, "u1")


def test_objects_without_our_labels_concern_nobody(cache: Cache) -> None:
    assert cache.put(body("j", "c1", 1), "Job") == set()


@pytest.mark.parametrize(
    ("candidate", "known", "expected"),
    [("10", "9", True), ("9", "10", False), ("9", "9", False), ("a", "b", True), ("a", "a", False)],
)
def test_versions_are_compared_as_numbers(candidate: str, known: str, expected: bool) -> None:  # noqa: FBT001
    assert newer(candidate, known) is expected


def test_a_list_says_nothing_about_what_came_after_it(cache: Cache) -> None:
    for name, uid, version in (("kept", "c1", 3), ("gone", "c2", 4), ("newer", "c3", 99)):
        cache.put(child(name, uid, version, "u1"), "Job")
    assert [one.name for one in vanished(cache.of_kind("Job"), {"c1": "3"}, "50")] == ["gone"]
