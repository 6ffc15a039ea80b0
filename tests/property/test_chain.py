"""Whatever goes wrong on the way, the chain ends where it ends when nothing goes wrong, and then nothing is written."""

import json
from collections.abc import Mapping
from datetime import timedelta
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, event, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from tests.property.world import (
    Body,
    Crashed,
    ObjectKey,
    World,
    artifact_digest,
    clone,
    keys,
    reconcile,
)

TRAINING: Body = {
    "recipe": {"classifier": {}},
    "dataset": {"uri": "builtin://digits"},
    "nodes": 2,
    "failurePolicy": {"maxRestarts": 1000},
}
COMPRESSION: Body = {
    "source": {"from": {"kind": "TrainingJob", "name": "digits"}},
    "passes": [{"quantize": {"scheme": "int8-static"}}],
    "evaluation": {"dataset": {"uri": "builtin://digits"}},
    "failurePolicy": {"maxRestarts": 1000},
}
SERVICE: Body = {"model": {"from": {"kind": "CompressionJob", "name": "small"}}, "replicas": 2}
OBJECTS: Mapping[ObjectKey, Body] = {
    ("TrainingJob", "digits"): TRAINING,
    ("CompressionJob", "small"): COMPRESSION,
    ("ModelService", "small"): SERVICE,
}
FAULT_CODES = (404, 409, 410, 422, 429, 500, None)
QUIET_PASSES = 3
LONGEST_WAY = 80


def settle(world: World) -> None:
    """Let everything go well until nothing is written any more."""
    world.faults.queue.clear()
    world.return_nodes()
    quiet = 0
    for _ in range(LONGEST_WAY):
        before = world.writes
        for key in keys(world.view()):
            reconcile(world, world.view(), key)
        quiet = quiet + 1 if world.writes == before else 0
        if quiet > QUIET_PASSES and not world.batch_pods():
            return
        world.run_controllers()
        world.start_pods()
        for pod in world.batch_pods():
            world.succeed(pod)
        world.run_controllers()
        world.now += timedelta(seconds=61)
    raise AssertionError("The chain never came to rest")


def end_state(world: World) -> dict[Any, Any]:
    """What must be equal however the way went: who is ready, what is published and served, which children stand."""
    found: dict[Any, Any] = {}
    for kind, name in OBJECTS:
        status = world.objects[kind, name]["status"]
        found[name, kind] = {
            "conditions": {one["type"]: (one["status"], one["reason"]) for one in status["conditions"]},
            "artifact": status.get("artifact"),
            "run": status.get("run"),
            "source": status.get("source"),
            "active": status.get("active"),
            "target": status.get("target"),
            "lineage": status.get("lineage"),
        }
    # A run that has ended needs none of its children any more, so only those of the served model must stand.
    # Whether a disruption budget stands says whether there ever were two pods, so it depends on the way.
    passing = {"Pod", "PodDisruptionBudget"}
    found["children"] = sorted(key for key, body in world.objects.items() if _serves(body) and key[0] not in passing)
    found["old runs"] = sorted(key for key, body in world.objects.items() if _run_of(body) not in {"", *_runs(world)})
    found["running"] = world.batch_pods()
    return found


def _labels(body: Body) -> dict[str, str]:
    found: dict[str, str] = body["metadata"].get("labels", {})
    return found


def _serves(body: Body) -> bool:
    return _labels(body).get("slipway.dev/kind") == "ModelService"


def _run_of(body: Body) -> str:
    return _labels(body).get("slipway.dev/run", "")


def _runs(world: World) -> set[str]:
    return {world.objects[which]["status"].get("run", "") for which in OBJECTS}


@cache
def undisturbed(specs: str) -> dict[Any, Any]:
    """The end state of a world that starts with these specs (kind, name, spec as JSON) and in which all goes well."""
    world = World()
    for kind, name, spec in json.loads(specs):
        world.put(kind, name, {"spec": spec})
    settle(world)
    return end_state(world)


def as_json(specs: Mapping[ObjectKey, Body]) -> str:
    return json.dumps([[kind, name, spec] for (kind, name), spec in specs.items()])


Fault = tuple[int | None, bool]
FAULTS = st.tuples(st.sampled_from((0, 0, *FAULT_CODES)), st.booleans())
FATES = (
    "run on",
    "succeed",
    "succeed",
    "crash",
    "retry",
    "preempted",
    "out of memory",
    "message lost",
    "node lost",
    "vanish",
)
DAYS = st.tuples(st.lists(FAULTS, max_size=8), st.sampled_from(FATES), st.sampled_from((1, 12, 301)))


class Chain(RuleBasedStateMachine):
    """A user, a cluster with bad days, and two operators of which one may not know that it lost its lease."""

    @initialize(order=st.permutations(sorted(OBJECTS)), days=st.lists(DAYS, min_size=2, max_size=8))
    def begin(self, order: list[ObjectKey], days: list[tuple[list[Fault], str, int]]) -> None:
        self.world = World()
        self.old_views: list[dict[ObjectKey, Body]] = [self.world.view()]
        self.seen: dict[ObjectKey, tuple[str, int]] = {}
        for which in order:
            self.world.put(*which, {"spec": clone(dict(OBJECTS[which]))})
        for day in days:
            self.a_day_goes_by(day)

    @rule(which=st.sampled_from(sorted(OBJECTS)))
    def user_applies(self, which: ObjectKey) -> None:
        if which not in self.world.objects:
            self.world.put(*which, {"spec": clone(dict(OBJECTS[which]))})

    @rule(which=st.sampled_from([("TrainingJob", "digits"), ("CompressionJob", "small")]), text=st.sampled_from("ab"))
    def user_runs_again(self, which: ObjectKey, text: str) -> None:
        self._edit(which, {"rerun": text})

    @rule(which=st.sampled_from([("TrainingJob", "digits"), ("CompressionJob", "small")]), value=st.booleans())
    def user_suspends(self, which: ObjectKey, value: bool) -> None:  # noqa: FBT001 - drawn by hypothesis
        self._edit(which, {"suspend": value})

    @rule(
        which=st.sampled_from([("TrainingJob", "digits"), ("CompressionJob", "small")]),
        memory=st.sampled_from(("1Gi", "2Gi")),
    )
    def user_changes_settings(self, which: ObjectKey, memory: str) -> None:
        self._edit(which, {"podTemplate": {"resources": {"memory": memory}}})

    @rule(count=st.integers(0, 3))
    def user_scales(self, count: int) -> None:
        self._edit(("ModelService", "small"), {"replicas": count})

    def _edit(self, which: ObjectKey, change: Body) -> None:
        if which in self.world.objects:
            body = clone(self.world.objects[which])
            body["spec"].update(change)
            self.world.put(*which, body)

    @rule(index=st.integers(0, 5))
    def someone_deletes_a_child(self, index: int) -> None:
        kinds = ("Job", "Service", "Deployment", "NetworkPolicy")
        found = sorted(key for key in self.world.objects if key[0] in kinds)
        if found:
            self.world.remove(*found[index % len(found)])

    @rule()
    def operator_passes(self) -> None:
        self.old_views.append(self.world.view())
        self._pass(self.world.view())

    @rule(index=st.integers(0, 20))
    def operator_passes_over_an_old_view(self, index: int) -> None:
        self._pass(self.old_views[-1 - index % len(self.old_views)])

    @rule(writes=st.integers(0, 4), code=st.sampled_from(FAULT_CODES), after=st.booleans())
    def operator_passes_with_a_fault(self, writes: int, code: int | None, after: bool) -> None:  # noqa: FBT001
        self.world.faults.queue = [*([(0, False)] * writes), (code, after)]
        self._pass(self.world.view())
        self.world.faults.queue.clear()

    def _pass(self, view: dict[ObjectKey, Body]) -> None:
        try:
            for key in keys(view):
                reconcile(self.world, view, key)
        except Crashed:
            pass

    @rule(day=DAYS)
    def a_day_goes_by(self, day: tuple[list[Fault], str, int]) -> None:
        """Everybody acts once: the operator, with faults on some of its writes, the cluster, and the running pods."""
        faults, fate, seconds = day
        self.old_views.append(self.world.view())
        self.world.faults.queue = list(faults)
        self._pass(self.world.view())
        self.world.faults.queue.clear()
        self.world.run_controllers()
        self.world.start_pods()
        for pod in self.world.batch_pods():
            self._meet(pod, fate)
        self.world.run_controllers()
        self.world.now += timedelta(seconds=seconds)

    def _meet(self, pod: str, fate: str) -> None:
        match fate:
            case "succeed" | "message lost":
                self.world.succeed(pod, message_lost=fate == "message lost")
            case "node lost":
                self.world.lose_node(pod)
            case "vanish":
                self.world.objects.pop(("Pod", pod))
            case "out of memory":
                self.world.fail(pod, 137, "OOMKilled")
            case "crash" | "retry" | "preempted":
                self.world.fail(pod, {"crash": 1, "retry": 75, "preempted": 76}[fate])
            case _:
                return

    @rule()
    def controllers_act(self) -> None:
        self.world.run_controllers()
        self.world.start_pods()

    @rule(index=st.integers(0, 5), lost=st.booleans())
    @precondition(lambda self: self.world.batch_pods())
    def pod_succeeds(self, index: int, lost: bool) -> None:  # noqa: FBT001 - drawn by hypothesis
        pods = self.world.batch_pods()
        self.world.succeed(pods[index % len(pods)], message_lost=lost)

    @rule(index=st.integers(0, 5), code=st.sampled_from([1, 64, 65, 75, 76, 137]), oom=st.booleans())
    @precondition(lambda self: self.world.batch_pods())
    def pod_fails(self, index: int, code: int, oom: bool) -> None:  # noqa: FBT001 - drawn by hypothesis
        pods = self.world.batch_pods()
        self.world.fail(pods[index % len(pods)], code, "OOMKilled" if oom else "Error")

    @rule(index=st.integers(0, 5))
    @precondition(lambda self: self.world.named("Pod"))
    def pod_vanishes(self, index: int) -> None:
        pods = self.world.named("Pod")
        self.world.objects.pop(("Pod", pods[index % len(pods)]))

    @rule(index=st.integers(0, 5))
    @precondition(lambda self: self.world.batch_pods())
    def node_is_lost(self, index: int) -> None:
        pods = self.world.batch_pods()
        self.world.lose_node(pods[index % len(pods)])

    @rule(seconds=st.sampled_from([1, 6, 11, 61, 3600]))
    def time_passes(self, seconds: int) -> None:
        self.world.now += timedelta(seconds=seconds)

    @rule(seconds=st.sampled_from([5, 600, 86_400]))
    def clock_is_set_back(self, seconds: int) -> None:
        self.world.now -= timedelta(seconds=seconds)

    def _mend(self) -> None:
        """Other settings bring every run to its end that failed for anything but its gate."""
        failed = [which for which in OBJECTS if _failed(self._status(*which))]
        mended = [which for which in failed if self._status(*which)["lastFailure"]["reason"] != "GateRefused"]
        runs = {which: self._status(*which)["run"] for which in mended}
        for which in mended:
            self._edit(which, {"podTemplate": {"resources": {"memory": "3Gi"}}})
        settle(self.world)
        for which, run in runs.items():
            event(f"{which[0]} was mended")
            assert not _failed(self._status(*which))
            if which[0] == "TrainingJob":
                assert self._status(*which)["artifactRun"] == run

    @invariant()
    def what_is_published_is_in_the_store(self) -> None:
        for kind, name in OBJECTS:
            status = self._status(kind, name)
            if status.get("artifact"):
                assert status["artifactRun"] in self.world.results
                assert status["artifact"]["digest"] == artifact_digest(status["artifactRun"])

    @invariant()
    def attempts_only_grow_and_each_end_is_counted_once(self) -> None:
        for kind in ("TrainingJob", "CompressionJob"):
            name = "digits" if kind == "TrainingJob" else "small"
            status = self._status(kind, name)
            run, attempt = status.get("run"), status.get("attempt", 0)
            before = self.seen.get((kind, name))
            if run and before and before[0] == run:
                assert attempt >= before[1]
            if run:
                self.seen[kind, name] = (run, attempt)
            restarts = status.get("restarts", {})
            assert restarts.get("counted", 0) + restarts.get("free", 0) <= attempt

    @invariant()
    def conditions_follow_kstatus(self) -> None:
        for kind, name in OBJECTS:
            true = {one["type"] for one in self._status(kind, name).get("conditions", ()) if one["status"] == "True"}
            assert not {"Ready", "Stalled"} <= true
            assert not {"Reconciling", "Stalled"} <= true
            assert not {"Complete", "Failed"} <= true

    def _status(self, kind: str, name: str) -> dict[str, Any]:
        status: dict[str, Any] = self.world.objects.get((kind, name), {}).get("status", {})
        return status

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        world = self.world
        for which in OBJECTS:
            event(f"{which[0]} went through {self._status(*which).get('attempt', 0)} attempts")
        for which, spec in OBJECTS.items():
            if which not in world.objects:
                world.put(*which, {"spec": clone(dict(spec))})
            self._edit(which, {} if which[0] == "ModelService" else {"suspend": False})
        settle(world)
        self._mend()
        again = [which for which in OBJECTS if _failed(self._status(*which))]
        for which in again:
            self._edit(which, {"rerun": "after-failure"})
        settle(world)
        for which in OBJECTS:
            if _failed(self._status(*which)):
                self._edit(which, {"rerun": "after-second-failure"})
        settle(world)
        specs = {which: world.objects[which]["spec"] for which in OBJECTS}
        reached, straight = end_state(world), undisturbed(as_json(specs))
        assert reached == straight
        written = world.writes
        for key in keys(world.view()):
            reconcile(world, world.view(), key)
        assert world.writes == written


def _failed(status: Mapping[str, Any]) -> bool:
    return any(one["type"] == "Failed" and one["status"] == "True" for one in status.get("conditions", ()))


def _lives(number: int, steps: int) -> settings:
    return settings(
        max_examples=number,
        stateful_step_count=steps,
        deadline=None,
        phases=(Phase.reuse, Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )


TestChain = Chain.TestCase
TestChain.settings = _lives(50, 30)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("number", range(5))
def test_longer_chains_of_faults_end_the_same(number: int) -> None:
    seeded = seed(number)(type("Seeded", (Chain,), {}))
    run_state_machine_as_test(seeded, settings=_lives(60, 120))


def test_an_undisturbed_chain_serves_what_it_compressed() -> None:
    end = undisturbed(as_json(OBJECTS))
    service, small, digits = end["small", "ModelService"], end["small", "CompressionJob"], end["digits", "TrainingJob"]
    assert service["conditions"]["Ready"] == ("True", "Serving")
    assert service["active"]["digest"] == small["artifact"]["digest"]
    assert small["source"] == digits["artifact"]["digest"]
    assert [(one["kind"], one["name"]) for one in service["lineage"]] == [
        ("CompressionJob", "small"),
        ("TrainingJob", "digits"),
    ]
    assert end["running"] == []
