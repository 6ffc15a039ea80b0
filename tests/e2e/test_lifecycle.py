"""Deletion, retention and uninstalling: nothing is left that should not be, and nothing is lost that should stay."""

from typing import Any

from tests.e2e.objects import classifier, service, training
from tests.e2e.world import World

from slipway_demo.install import RELEASE, SYSTEM_NAMESPACE, Target

OURS = "app.kubernetes.io/managed-by=slipway"


def _swept(world: World, name: str) -> str:
    """Run the chart's retention CronJob now, and return its log: a line for each deleted key."""
    job = f"sweep-{name}"
    world.target.run("--namespace", SYSTEM_NAMESPACE, "create", "job", job, f"--from=cronjob/{RELEASE}-retention")
    world.target.run("--namespace", SYSTEM_NAMESPACE, "wait", "--for=condition=complete", f"job/{job}", "--timeout=90s")
    return world.target.run("--namespace", SYSTEM_NAMESPACE, "logs", f"job/{job}")


def _key(artifact: dict[str, Any]) -> str:
    return "manifests/" + str(artifact["digest"]).removeprefix("sha256:")


def test_the_installs_own_test_passes_in_the_cluster(target: Target) -> None:
    said = target.test()
    assert "Phase:          Succeeded" in said, said


def test_deleting_everything_leaves_nothing_in_the_cluster(world: World) -> None:
    world.apply(training(), service(podTemplate={"resources": {"cpu": "100m", "memory": "256Mi"}}))
    world.wait_ready("modelservice", "digits")
    world.kubectl("delete", "trj,cpj,msv", "--all")
    kinds = "jobs,pods,services,deployments,replicasets,poddisruptionbudgets,serviceaccounts,networkpolicies"
    world.wait("no child left", lambda: not world.items(kinds, OURS), timeout=120)


def test_what_nothing_needs_is_swept_and_what_is_referenced_never(world: World) -> None:
    world.target.install(values=["retention.grace=0s"])
    try:
        world.apply(training(history=1, deletionPolicy="Delete", recipe=classifier(epochs=1)))
        first = world.wait_ready("trainingjob", "digits")["status"]["artifact"]
        pinned = {"kind": "ModelService", "metadata": {"name": "pinned"}, "spec": {"model": {"uri": first["uri"]}}}
        world.apply(pinned)
        world.wait_ready("modelservice", "pinned")
        world.apply(training(history=1, deletionPolicy="Delete", recipe=classifier(epochs=2)))
        world.wait(
            "a second artifact",
            lambda: world.get("trj", "digits")["status"]["artifact"]["digest"] != first["digest"],
        )
        assert _key(first) not in _swept(world, f"{world.namespace}-kept")
        world.kubectl("delete", "msv", "pinned")
        swept = _swept(world, f"{world.namespace}-gone")
        second = world.get("trj", "digits")["status"]["artifact"]
        assert _key(first) in swept
        assert _key(second) not in swept
        world.kubectl("delete", "trj", "--all")
        assert _key(second) in _swept(world, f"{world.namespace}-last")
    finally:
        world.target.install()


def test_uninstalling_with_objects_present_does_not_hang(world: World) -> None:
    world.apply(training(suspend=True))
    world.wait_reason("trainingjob", "digits", "Suspended")
    world.target.uninstall()
    assert world.exists("trainingjob", "digits")
    world.target.install()
    world.apply(training(suspend=False))
    world.wait_ready("trainingjob", "digits")
