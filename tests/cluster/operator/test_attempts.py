"""Attempts that fail or cannot start, and what a user's change makes of them."""

import json
from pathlib import Path
from typing import Any

from tests.bench.operator.process import OperatorProcess
from tests.cluster.operator.world import (
    apply,
    ended,
    message,
    names,
    objects,
    pods,
    reason,
    status,
    tell_pod,
    training_job,
    until,
)

from slipway_devcluster import Cluster

ONE_RESTART = {"maxRestarts": 1}


def test_a_run_that_was_given_up_goes_on_with_other_settings(
    cluster: Cluster, identity: Path, own_namespace: str, namespace: str, log: Path
) -> None:
    apply(cluster, namespace, training_job("digits", failurePolicy=ONE_RESTART))
    with OperatorProcess(identity, log, extra={"NAMESPACE": own_namespace}) as operator:
        operator.wait_leading()
        for attempt in (1, 2):
            tell_pod(cluster, namespace, pod_of(cluster, namespace, attempt), ended(1, f"boom {attempt}"))
        until("it is given up", lambda: reason(cluster, namespace, "trj", "digits") == "RestartLimitExceeded")
        assert "boom 2. Change spec.podTemplate" in message(cluster, namespace, "trj", "digits")
        found = warnings(cluster, namespace)
        assert [one["reason"] for one in found] == ["AttemptFailed", "RestartLimitExceeded"]
        assert "boom 1. Attempt 2 follows in 10 s, restart 1 of 1." in found[0]["note"]
        run = status(cluster, namespace, "trj", "digits")["run"]

        memory = {"podTemplate": {"resources": {"memory": "3Gi"}}}
        apply(cluster, namespace, training_job("digits", failurePolicy=ONE_RESTART, **memory))
        pod_of(cluster, namespace, 3)
        told = status(cluster, namespace, "trj", "digits")
        assert (told["run"], told["restarts"], "finishedAt" in told) == (run, {"counted": 0, "free": 2}, False)
        limits = [
            one["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]
            for one in jobs(cluster, namespace, 3)
        ]
        assert [one["memory"] for one in limits] == ["3Gi"]


def test_an_attempt_that_no_node_can_take_is_replaced_once_it_asks_for_less(
    cluster: Cluster, identity: Path, own_namespace: str, namespace: str, log: Path
) -> None:
    apply(cluster, namespace, training_job("digits", podTemplate={"nodeSelector": {"zone": "nowhere"}}))
    with OperatorProcess(identity, log, extra={"NAMESPACE": own_namespace}) as operator:
        operator.wait_leading()
        verdict = "0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector."
        condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": verdict}
        tell_pod(cluster, namespace, pod_of(cluster, namespace, 1), {"conditions": [condition]})
        until("it is unschedulable", lambda: reason(cluster, namespace, "trj", "digits") == "Unschedulable")
        apply(cluster, namespace, training_job("digits"))
        pod_of(cluster, namespace, 2)
        assert not jobs(cluster, namespace, 1)
        assert len([name for name in names(cluster, namespace) if name.startswith("Job/")]) == 1
        assert "nodeSelector" not in jobs(cluster, namespace, 2)[0]["spec"]["template"]["spec"]


def pod_of(cluster: Cluster, namespace: str, attempt: int) -> str:
    """The pod of an attempt, which a controller makes."""

    def found() -> list[str]:
        label = "slipway.dev/attempt"
        every = pods(cluster, namespace, "digits")
        return [str(one["metadata"]["name"]) for one in every if one["metadata"]["labels"][label] == str(attempt)]

    until(f"attempt {attempt} has its pod", lambda: bool(found()))
    return found()[0]


def jobs(cluster: Cluster, namespace: str, attempt: int) -> list[dict[str, Any]]:
    """The Job of an attempt."""
    every = objects(cluster, namespace, "jobs.batch")
    return [one for one in every if one["metadata"]["labels"]["slipway.dev/attempt"] == str(attempt)]


def warnings(cluster: Cluster, namespace: str) -> list[dict[str, Any]]:
    """The operator's Warning events, oldest first."""
    listed = cluster.kubectl("-n", namespace, "get", "events.events.k8s.io", "-o", "json")
    every = [one for one in json.loads(listed)["items"] if one.get("reportingController") == "slipway.dev/operator"]
    return sorted((one for one in every if one["type"] == "Warning"), key=lambda one: str(one["eventTime"]))
