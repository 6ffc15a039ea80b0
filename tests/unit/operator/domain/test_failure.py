"""From pods to the failure that a person reads."""

import json
from datetime import timedelta
from typing import Any

import pytest
from tests.unit.operator.domain.builders import NOW, PUBLISHED, Body, at, ended, pod, raw, waiting

from slipway_operator.api.conditions import Reason
from slipway_operator.domain.failure import Ended, as_failure, first_failure, last_words, summary_of
from slipway_operator.domain.observed import Deployment, Job, Pod
from slipway_operator.domain.planning import RawObject
from slipway_operator.domain.waiting import pod_trouble, refused

MISMATCH = json.dumps({"outcome": "ConversionMismatch", "message": "output at [3]: difference 0.02"})
GATE = json.dumps({"outcome": "GateRefused", "message": "accuracy 0.91 is below 0.95"})
DISRUPTED = ({"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI"},)
TAINTED = ({"type": "DisruptionTarget", "status": "True", "reason": "DeletionByTaintManager"},)
OTHER = ({"type": "DisruptionTarget", "status": "True", "reason": "TerminationByKubelet"},)


def failed(*containers: Body, **more: Any) -> RawObject:
    return pod("p0", phase="Failed", containers=containers, **more)


FAILURES: dict[str, tuple[list[RawObject], tuple[Reason, str, bool] | None]] = {
    "nothing failed": ([pod("p0", phase="Running")], None),
    "a good end is no failure": ([pod("p0", phase="Succeeded", containers=(ended(0),))], None),
    "configuration": ([failed(ended(64, "no column y"))], (Reason.CONFIG_ERROR, "no column y", False)),
    "a conversion that answers otherwise": (
        [failed(ended(65, MISMATCH))],
        (Reason.CONVERSION_MISMATCH, "difference 0.02", False),
    ),
    "gate, in the summary's words": ([failed(ended(65, GATE))], (Reason.GATE_REFUSED, "below 0.95", False)),
    "retry": ([failed(ended(75, "store is away"))], (Reason.RETRY, "store is away", False)),
    "preempted is free": ([failed(ended(76, "saved"))], (Reason.PREEMPTED, "saved", True)),
    "137 alone is a crash": ([failed(ended(137))], (Reason.CRASHED, "exit code 137", False)),
    "out of memory is a reason": ([failed(ended(137, reason="OOMKilled"))], (Reason.OOM_KILLED, "memory", False)),
    "last line of a log": ([failed(ended(1, "start\nValueError: x\n\n"))], (Reason.CRASHED, "1: ValueError: x", False)),
    "cannot run": ([failed(ended(128, "exec: no such file", "StartError"))], (Reason.CONFIG_ERROR, "no such", False)),
    "cannot run, silent": ([failed(ended(128, "", "ContainerCannotRun"))], (Reason.CONFIG_ERROR, "command", False)),
    "evicted counts": ([failed(reason="Evicted", message="low on memory")], (Reason.EVICTED, "low on memory", False)),
    "evicted, silent": ([failed(reason="Evicted")], (Reason.EVICTED, "short of a resource", False)),
    "node shut down": ([failed(reason="NodeShutdown")], (Reason.PREEMPTED, "shut down", True)),
    "drained": ([failed(ended(143), conditions=DISRUPTED)], (Reason.PREEMPTED, "drained", True)),
    "drained, ending": ([pod("p0", conditions=DISRUPTED, deleted=at(20))], None),
    "tainted node": ([pod("p0", conditions=TAINTED, deleted=at(-60))], (Reason.NODE_LOST, "tainted", True)),
    "other disruption": ([failed(ended(1, "x"), conditions=OTHER)], (Reason.CRASHED, "x", False)),
    "lost": ([pod("p0", deleted=at(-60))], (Reason.NODE_LOST, "stopped answering", True)),
    "unknown": ([pod("p0", phase="Unknown")], (Reason.NODE_LOST, "stopped answering", True)),
    "failed without a word": ([failed()], (Reason.CRASHED, "no container says why", False)),
    "failed with a reason": ([failed(reason="DeadlineExceeded")], (Reason.CRASHED, "DeadlineExceeded", False)),
    "the earliest is the cause": (
        [failed(ended(1, "peer is gone", finished=at(-5))), pod("p1", phase="Failed", containers=(ended(64, "bad"),))],
        (Reason.CONFIG_ERROR, "bad", False),
    ),
    "a disruption explains a crash of the same second": (
        [
            failed(ended(1, "peer is gone", finished=at(-5))),
            pod("p1", index=1, phase="Failed", containers=(ended(143, finished=at(-5)),), conditions=DISRUPTED),
        ],
        (Reason.PREEMPTED, "drained", True),
    ),
}


@pytest.mark.parametrize("name", FAILURES)
def test_first_failure(name: str) -> None:
    pods, expected = FAILURES[name]
    found = first_failure([Pod.parse(one) for one in pods], NOW)
    if expected is None:
        assert found is None
        return
    assert found is not None
    reason, words, free = expected
    assert (found.reason, found.free) == (reason, free)
    assert words in found.message
    assert found.permanent == (reason in {Reason.CONFIG_ERROR, Reason.GATE_REFUSED, Reason.CONVERSION_MISMATCH})


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("", ""),
        ("one\ntwo\n", "two"),
        ('{"level": "error", "message": "boom"}', "boom"),
        ('{"event": "boom"}', "boom"),
        ('{"level": "error"}', '{"level": "error"}'),
        ("[1, 2]", "[1, 2]"),
        (GATE, "accuracy 0.91 is below 0.95"),
    ],
)
def test_last_words(message: str, words: str) -> None:
    assert last_words(message) == words


def test_the_summary_is_that_of_rank_0() -> None:
    good = ended(0, PUBLISHED)
    table = [
        ([pod("p1", index=1, phase="Succeeded", containers=(good,))], False),
        ([pod("p0", phase="Succeeded", containers=(good,))], True),
        ([pod("p0", phase="Succeeded", containers=(ended(0, ""),))], False),
        ([pod("p0", phase="Failed", containers=(ended(1, PUBLISHED),))], False),
        ([pod("p0", phase="Running", containers=({"name": "train", "state": {}},))], False),
        ([], False),
    ]
    for pods, there in table:
        assert (summary_of([Pod.parse(one) for one in pods]) is not None) is there


def test_a_failure_that_is_already_told_keeps_its_time() -> None:
    first = as_failure(Ended(Reason.CRASHED, "x", "p"), None, NOW, attempt=2)
    later = NOW + timedelta(hours=1)
    assert as_failure(Ended(Reason.CRASHED, "x", "p"), first, later, attempt=2) is first
    assert as_failure(Ended(Reason.CRASHED, "y", "p"), first, later, attempt=2).time != first.time


def scheduling(message: str, reason: str = "Unschedulable") -> tuple[Body, ...]:
    return ({"type": "PodScheduled", "status": "False", "reason": reason, "message": message},)


def pending(*containers: Body, conditions: tuple[Body, ...] = (), **more: Any) -> RawObject:
    return pod("p0", phase="Pending", containers=containers, conditions=conditions, **more)


GPU = "0/2 nodes are available: 2 Insufficient nvidia.com/gpu. preemption: 0/2 nodes are available: 2 No victims."
TROUBLES: dict[str, tuple[RawObject, str, tuple[Reason, tuple[str, ...], bool] | None]] = {
    "running": (pod("p0", containers=({"name": "train", "state": {}},)), "", None),
    "ended": (pod("p0", phase="Failed", containers=(waiting("ErrImagePull"),)), "", None),
    "ending": (pod("p0", phase="Pending", containers=(waiting("ErrImagePull"),), deleted=at()), "", None),
    "being created": (pending(waiting("ContainerCreating")), "", None),
    "image": (
        pending(waiting("ImagePullBackOff", 'Back-off pulling image "a:1": ErrImagePull: not found', "a:1")),
        "",
        (Reason.IMAGE_PULL_BACK_OFF, ("a:1", "(not found)", "imagePullSecrets"), False),
    ),
    "image, silent": (pending(waiting("ErrImagePull")), "", (Reason.IMAGE_PULL_BACK_OFF, ("train:1",), False)),
    "container configuration": (
        pending(waiting("CreateContainerConfigError", "image will run as root")),
        "",
        (Reason.CONFIG_ERROR, ("will run as root",), False),
    ),
    "secret of a container": (
        pending(waiting("CreateContainerConfigError", 'secret "data" not found')),
        "",
        (Reason.VOLUME_NOT_MOUNTED, ("Secret data does not exist", "secretName"), False),
    ),
    "gpu": (pending(conditions=scheduling(GPU)), "", (Reason.UNSCHEDULABLE, ("nvidia.com/gpu",), True)),
    "selector and taint": (
        pending(
            conditions=scheduling(
                "0/2 nodes are available: 1 node(s) didn't match Pod's node affinity/selector, "
                "1 node(s) had untolerated taint {a: b}."
            )
        ),
        "",
        (Reason.UNSCHEDULABLE, ("nodeSelector", "toleration"), True),
    ),
    "odd obstacle": (
        pending(conditions=scheduling("0/2 nodes are available: 2 node(s) are odd.")),
        "",
        (Reason.UNSCHEDULABLE, ("2 node(s) are odd",), True),
    ),
    "no words": (pending(conditions=scheduling("")), "", (Reason.UNSCHEDULABLE, ("no node fits",), True)),
    "missing claim": (
        pending(conditions=scheduling('0/1 nodes are available: persistentvolumeclaim "data" not found.')),
        "",
        (Reason.VOLUME_NOT_MOUNTED, ("PersistentVolumeClaim data does not exist",), False),
    ),
    "gated": (pending(conditions=scheduling("", "SchedulingGated")), "", None),
    "missing secret": (
        pending(),
        'MountVolume.SetUp failed for volume "secret-0" : secret "mine" not found',
        (Reason.VOLUME_NOT_MOUNTED, ("Secret mine does not exist", "accessKeyId"), False),
    ),
    "volume": (pending(), "Unable to attach or mount volumes: slow", (Reason.VOLUME_NOT_MOUNTED, ("slow",), False)),
    "other warning": (pending(), "FailedScheduling", None),
    "warning of a running pod": (pod("p0"), "MountVolume.SetUp failed", None),
}


@pytest.mark.parametrize("name", TROUBLES)
def test_trouble(name: str) -> None:
    found, warning, expected = TROUBLES[name]
    trouble = pod_trouble([Pod.parse(found)], {"p0": warning} if warning else {})
    if expected is None:
        assert trouble is None
        return
    assert trouble is not None
    reason, words, passing = expected
    assert (trouble.reason, trouble.passing, trouble.pod) == (reason, passing, "p0")
    for word in words:
        assert word in trouble.message


def test_pods_may_be_refused() -> None:
    trouble = refused("job", {"job": "exceeded quota"})
    assert trouble is not None
    assert trouble.reason is Reason.CHILD_REFUSED
    assert "exceeded quota" in trouble.message
    assert refused("job", {}) is None


def test_what_cannot_be_read_has_an_identity_all_the_same() -> None:
    job = Job.parse(raw("Job", "j", {"metadata": {"labels": 5}}))
    assert (job.name, job.uid, job.run, job.attempt) == ("j", "uid-j", "", 0)
    assert Deployment.parse(raw("Deployment", "d", {})).image is None
    assert Pod.parse(raw("Pod", "p", {})).index == 0
    annotated = raw("Pod", "p", {"metadata": {"annotations": {"batch.kubernetes.io/job-completion-index": "3"}}})
    assert Pod.parse(annotated).index == 3
