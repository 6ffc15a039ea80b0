"""The number of pods, by hand, by a HorizontalPodAutoscaler, and by what the pods tell."""

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from tests.bench.operator.process import OperatorProcess
from tests.cluster.operator.page import LoadPage
from tests.cluster.operator.world import apply, model_service, names, objects, pods, status, tell_pod, until

from slipway_devcluster import Cluster
from slipway_devcluster.errors import CommandError

SHA = "d" * 64


def replicas(cluster: Cluster, namespace: str) -> tuple[int, int]:
    """Pods that the Deployment wants, and that status tells."""
    found = [one for one in objects(cluster, namespace, "deployments.apps") if one["kind"] == "Deployment"]
    told = status(cluster, namespace, "msv", "served").get("replicas", {}).get("desired", 0)
    return (found[0]["spec"]["replicas"] if found else 0), told


def test_the_scale_subresource_and_an_autoscaler_that_comes_and_goes(
    cluster: Cluster, identity: Path, own_namespace: str, namespace: str, log: Path
) -> None:
    by_cpu = {"min": 2, "max": 5, "target": {"cpu": 60}}
    apply(cluster, namespace, model_service("served", SHA, autoscaling=by_cpu))
    with OperatorProcess(identity, log, extra={"NAMESPACE": own_namespace}) as operator:
        operator.wait_leading()
        until("the least stand", lambda: replicas(cluster, namespace) == (2, 2))
        assert "HorizontalPodAutoscaler/served" in names(cluster, namespace)
        # As the autoscaler does it, and kubectl.
        cluster.kubectl("-n", namespace, "scale", "msv/served", "--replicas=4")
        until("it is scaled", lambda: replicas(cluster, namespace) == (4, 4))
        cluster.kubectl("-n", namespace, "scale", "msv/served", "--replicas=9")
        until("never above the most", lambda: replicas(cluster, namespace) == (5, 5))
        cluster.kubectl("-n", namespace, "patch", "msv", "served", "--type=json", "-p", _drop("autoscaling"))
        until("it is gone", lambda: "HorizontalPodAutoscaler/served" not in names(cluster, namespace))
        until("what is asked for stands", lambda: replicas(cluster, namespace) == (9, 9))


def test_pods_that_carry_much_get_company(
    cluster: Cluster, identity: Path, own_namespace: str, namespace: str, log: Path
) -> None:
    scaling = {"min": 1, "max": 4, "target": {"concurrency": 4}, "stabilizationSeconds": 20}
    apply(cluster, namespace, model_service("served", SHA, autoscaling=scaling))
    with OperatorProcess(identity, log, extra={"NAMESPACE": own_namespace}) as operator, ExitStack() as pages:
        operator.wait_leading()
        until("one pod is there", lambda: len(pods(cluster, namespace, "served")) == 1)
        page = pages.enter_context(LoadPage(10.0))
        _tell_ready(cluster, namespace, pods(cluster, namespace, "served")[0], page.address)
        until("three carry ten", lambda: replicas(cluster, namespace) == (3, 3))
        page.concurrency = 0.0
        until("one is enough for none", lambda: replicas(cluster, namespace) == (1, 1), 120)
        events = json.loads(cluster.kubectl("-n", namespace, "get", "events", "-o", "json"))["items"]
        told = [one["message"] for one in events if one["reason"] == "Scaled"]
        assert any("From 1 to 3 pods" in message and "4 are wanted for each pod" in message for message in told)


@pytest.mark.parametrize(
    ("scaling", "words"),
    [
        ({"min": 3, "max": 2, "target": {"cpu": 50}}, "min: must not be above max"),
        ({"max": 2, "target": {}}, "set exactly one of concurrency and cpu"),
        ({"max": 2, "target": {"cpu": 50, "concurrency": 2}}, "set exactly one of concurrency and cpu"),
        ({"min": 0, "max": 2, "target": {"cpu": 50}}, "greater than or equal to 1"),
    ],
)
def test_what_cannot_be_is_refused(cluster: Cluster, namespace: str, scaling: dict[str, Any], words: str) -> None:
    with pytest.raises(CommandError, match=words):
        apply(cluster, namespace, model_service("served", SHA, autoscaling=scaling))


def _tell_ready(cluster: Cluster, namespace: str, pod: dict[str, Any], address: str) -> None:
    ready = {"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}
    told = {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}], "conditions": [ready]}
    tell_pod(cluster, namespace, pod["metadata"]["name"], told)


def _drop(field: str) -> str:
    return json.dumps([{"op": "remove", "path": f"/spec/{field}"}])
