"""How many pods a ModelService asks for, and by whom."""

from typing import Any

import pytest
from tests.unit.operator.domain.builders import URI, Body, applied, ask, raw
from tests.unit.operator.domain.test_service import REVISION, deployed, server

from slipway_operator.domain.autoscaling import LoadSample
from slipway_operator.domain.planning import Kind, Plan, RawObject


def scaled(
    scaling: Body | None,
    *,
    replicas: int = 1,
    before: int = 0,
    load: tuple[LoadSample, ...] = (),
    autoscalers: tuple[RawObject, ...] = (),
    pods: tuple[RawObject, ...] = (),
) -> Plan:
    spec: Body = {"model": {"uri": URI}, "replicas": replicas}
    status: Body = {"replicas": {"desired": before}}
    children = {"Deployment": (deployed(),), "HorizontalPodAutoscaler": autoscalers, "Pod": pods}
    if scaling is not None:
        spec["autoscaling"] = {"min": 2, "max": 10, **scaling}
    return ask(Kind.MODEL_SERVICE, spec, status, children=children, load=load)


def wanted(plan: Plan) -> tuple[int, int]:
    """Pods of the Deployment, and as status tells it."""
    assert plan.status is not None
    return applied(plan, "Deployment")[0]["spec"]["replicas"], plan.status["replicas"]["desired"]


CPU: Body = {"target": {"cpu": 70}}
CONCURRENCY: Body = {"target": {"concurrency": 8}}


@pytest.mark.parametrize(
    ("scaling", "replicas", "before", "load", "expected"),
    [
        (None, 3, 7, (), 3),
        (CPU, 1, 5, (), 2),
        (CPU, 6, 5, (), 6),
        (CPU, 60, 5, (), 10),
        (CONCURRENCY, 9, 0, (), 2),
        (CONCURRENCY, 1, 5, (), 5),
        (CONCURRENCY, 1, 2, (LoadSample(1, 40),), 5),
        (CONCURRENCY, 1, 20, (), 10),
    ],
)
def test_who_decides_how_many(
    scaling: Body | None, replicas: int, before: int, load: tuple[LoadSample, ...], expected: int
) -> None:
    assert wanted(scaled(scaling, replicas=replicas, before=before, load=load)) == (expected, expected)


def test_the_autoscaler_scales_the_object_itself() -> None:
    made = applied(scaled({**CPU, "stabilizationSeconds": 60}), "HorizontalPodAutoscaler")[0]["spec"]
    assert made["scaleTargetRef"] == {"apiVersion": "slipway.dev/v1alpha1", "kind": "ModelService", "name": "digits"}
    assert (made["minReplicas"], made["maxReplicas"]) == (2, 10)
    assert made["metrics"][0]["resource"] == {
        "name": "cpu",
        "target": {"type": "Utilization", "averageUtilization": 70},
    }
    assert made["behavior"]["scaleDown"]["stabilizationWindowSeconds"] == 60


@pytest.mark.parametrize(("scaling", "deleted"), [(None, True), (CONCURRENCY, True), (CPU, False)])
def test_an_autoscaler_that_is_wanted_no_more_is_deleted(scaling: Body | None, deleted: bool) -> None:  # noqa: FBT001 - a column
    standing = raw("HorizontalPodAutoscaler", "digits", {})
    plan = scaled(scaling, autoscalers=(standing,))
    assert [one.kind for one in plan.delete] == ["HorizontalPodAutoscaler"] * deleted


@pytest.mark.parametrize(
    ("scaling", "asked"),
    [(None, ()), (CPU, ()), (CONCURRENCY, ("http://10.0.0.1:8080/metrics", "http://[fd00::2]:8080/metrics"))],
)
def test_ready_pods_are_asked_for_their_load(scaling: Body | None, asked: tuple[str, ...]) -> None:
    pods = (
        server("b", podIP="fd00::2"),
        server("a", podIP="10.0.0.1"),
        server("c", podIP="10.0.0.3", ready=False),
        server("d", revision=REVISION),
    )
    assert scaled(scaling, before=2, pods=pods).load_of == asked


@pytest.mark.parametrize(
    ("before", "load", "text"),
    [
        (2, (LoadSample(1, 40.0),), "From 2 to 5 pods: 40.0 requests in flight, 8 are wanted for each pod."),
        (1, (), "From 1 to 2 pods: an unknown number of requests in flight, 8 are wanted for each pod."),
        (0, (), None),
        (2, (), None),
    ],
)
def test_an_event_tells_of_a_change(before: int, load: Any, text: str | None) -> None:
    plan = scaled(CONCURRENCY, before=before, load=load)
    assert [one.message for one in plan.events if one.reason == "Scaled"] == ([text] if text else [])
