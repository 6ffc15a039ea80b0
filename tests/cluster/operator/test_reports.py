"""What pods and events tell reaches the object's status, and no more often than a person needs it."""

import itertools
import json
from pathlib import Path
from typing import Any

from tests.bench.operator.process import OperatorProcess
from tests.cluster.operator.page import ProgressPage
from tests.cluster.operator.world import (
    apply,
    message,
    names,
    pods,
    reason,
    status,
    tell_pod,
    training_job,
    until,
    versions,
)

from slipway_devcluster import Cluster

POLLS_BETWEEN_WRITES = 2  # polled every 5 s, written every 10 s at most


def test_progress_is_written_seldom_and_only_when_a_person_would_see_it(
    cluster: Cluster, identity: Path, own_namespace: str, namespace: str, log: Path
) -> None:
    def step() -> int:
        return int(status(cluster, namespace, "trj", "digits").get("progress", {}).get("step", 0))

    apply(cluster, namespace, training_job("digits"))
    with (
        ProgressPage() as page,
        OperatorProcess(identity, log, extra={"NAMESPACE": own_namespace}) as operator,
    ):
        operator.wait_leading()
        tell_pod(cluster, namespace, first_pod(cluster, namespace), running(page.address))
        until("it runs", lambda: reason(cluster, namespace, "trj", "digits") == "Running")
        written: list[int] = []

        def another() -> bool:
            if step() not in {0, *written}:
                written.append(step())
            return len(written) == 3

        until("three writes", another, 90)
        gaps = [later - earlier for earlier, later in itertools.pairwise(written)]
        assert min(gaps) >= POLLS_BETWEEN_WRITES, written
        told = status(cluster, namespace, "trj", "digits")["progress"]
        assert (told["stage"], told["totalSteps"]) == ("training", 1000)

        last = page.freeze()
        until("the last step is told", lambda: step() == last)
        before, polls = versions(cluster, namespace), page.polls
        until("it is asked again and again", lambda: page.polls > polls + 2 * POLLS_BETWEEN_WRITES)
        assert versions(cluster, namespace) == before, "an estimate that moves is no news"


def test_what_keeps_a_pod_from_starting_is_told_and_forgotten(
    cluster: Cluster, identity: Path, own_namespace: str, namespace: str, log: Path
) -> None:
    apply(cluster, namespace, training_job("digits"))
    with OperatorProcess(identity, log, extra={"NAMESPACE": own_namespace}) as operator:
        operator.wait_leading()
        pod = first_pod(cluster, namespace)
        # As the scheduler says it: an event, and a condition of the pod.
        full = "0/3 nodes are available: 3 Insufficient nvidia.com/gpu. preemption: 0/3 nodes are available."
        warn(cluster, namespace, pod, "FailedScheduling", full)
        tell_pod(cluster, namespace, pod, {"conditions": [scheduled("False", "Unschedulable", full)]})
        until("it is unschedulable", lambda: reason(cluster, namespace, "trj", "digits") == "Unschedulable")
        assert "not enough nvidia.com/gpu is free on any node" in message(cluster, namespace, "trj", "digits")
        # As the kubelet says it: an event alone.
        tell_pod(cluster, namespace, pod, {"conditions": [scheduled("True")]})
        missing = 'MountVolume.SetUp failed for volume "data" : secret "no-such" not found'
        warn(cluster, namespace, pod, "FailedMount", missing)
        until("a volume is missing", lambda: reason(cluster, namespace, "trj", "digits") == "VolumeNotMounted")
        assert "Secret no-such does not exist. Create it" in message(cluster, namespace, "trj", "digits")
        assert status(cluster, namespace, "trj", "digits")["lastFailure"]["pod"] == pod
        tell_pod(cluster, namespace, pod, running("127.0.0.1"))
        until("it runs", lambda: reason(cluster, namespace, "trj", "digits") == "Running")


def test_a_quota_that_keeps_pods_from_being_made_is_told(
    cluster: Cluster, identity: Path, own_namespace: str, namespace: str, log: Path
) -> None:
    cluster.kubectl("-n", namespace, "create", "quota", "none", "--hard=pods=0")
    cluster.kubectl("-n", namespace, "wait", "--for=jsonpath={.status.hard.pods}=0", "quota/none", "--timeout=30s")
    apply(cluster, namespace, training_job("digits"))
    with OperatorProcess(identity, log, extra={"NAMESPACE": own_namespace}) as operator:
        operator.wait_leading()
        until("it is told", lambda: reason(cluster, namespace, "trj", "digits") == "ChildRefused")
        assert "exceeded quota: none" in message(cluster, namespace, "trj", "digits")
        cluster.kubectl("-n", namespace, "delete", "quota", "none")
        until("it starts", lambda: reason(cluster, namespace, "trj", "digits") == "Starting", 120)
        assert any(name.startswith("Job/digits-") for name in names(cluster, namespace))


def first_pod(cluster: Cluster, namespace: str) -> str:
    """The pod of the one attempt, which a controller makes."""
    until("the attempt has its pod", lambda: bool(pods(cluster, namespace, "digits")))
    return str(pods(cluster, namespace, "digits")[0]["metadata"]["name"])


def running(address: str) -> dict[str, Any]:
    """Status of a pod that runs at an address."""
    state = {"running": {"startedAt": "2026-01-01T00:00:00Z"}}
    container = {"name": "train", "image": "train:1", "imageID": "", "ready": True, "restartCount": 0, "state": state}
    return {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}], "containerStatuses": [container]}


def scheduled(value: str, reason: str = "", message: str = "") -> dict[str, str]:
    """The scheduler's condition of a pod."""
    return {"type": "PodScheduled", "status": value, "reason": reason, "message": message}


def warn(cluster: Cluster, namespace: str, pod: str, reason: str, message: str) -> None:
    """A Warning event about a pod."""
    found = json.loads(cluster.kubectl("-n", namespace, "get", "pod", pod, "-o", "json"))
    about = {"apiVersion": "v1", "kind": "Pod", "namespace": namespace, "name": pod, "uid": found["metadata"]["uid"]}
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"generateName": f"{pod}.", "namespace": namespace},
        "involvedObject": about,
        "type": "Warning",
        "reason": reason,
        "message": message,
        "source": {"component": "test"},
    }
    cluster.kubectl("create", "-f", "-", stdin=json.dumps(event))
