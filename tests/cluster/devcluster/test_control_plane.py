import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from slipway_devcluster import Cluster, DevclusterError, clusters
from slipway_devcluster.network import NETNS
from slipway_devcluster.waiting import wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.skipif(os.geteuid() != 0, reason="namespaces need root")]


@contextmanager
def control_plane(name: str) -> Iterator[Cluster]:
    cluster = Cluster(name)
    try:
        cluster.up(control_plane_only=True)
        yield cluster
    finally:
        cluster.down()


def traces(name: str) -> list[str]:
    """What the machine shows of a cluster: namespaces, processes, folders."""
    found = [str(path) for path in NETNS.glob(f"slipway-{name}*")]
    found += [str(path) for path in (Cluster(name).paths.root, Cluster(name).paths.run) if path.exists()]
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes()
        except OSError:
            continue
        if f"/clusters/{name}/".encode() in words:
            found.append(words.replace(b"\0", b" ").decode())
    return found


def test_two_beside_each_other_then_nothing_is_left() -> None:
    with control_plane("pair-a") as one, control_plane("pair-b") as other:
        assert one.state.slot != other.state.slot
        for cluster in (one, other):
            cluster.kubectl("create", "configmap", "mine", f"--from-literal=name={cluster.name}")
        for cluster in (one, other):
            found = json.loads(cluster.kubectl("get", "configmap", "mine", "--output=json"))
            assert found["data"] == {"name": cluster.name}
        assert {"pair-a", "pair-b"} <= set(clusters())
    assert traces("pair-a") == traces("pair-b") == []


def test_up_is_idempotent_mends_what_died_and_refuses_another_kind() -> None:
    with control_plane("again") as cluster:
        before = cluster.status()
        cluster.up(control_plane_only=True)
        assert cluster.status() == before
        cluster.kill_api_server()
        cluster.up(control_plane_only=True)
        assert json.loads(cluster.kubectl("get", "namespace", "default", "--output=json"))["kind"] == "Namespace"
        with pytest.raises(DevclusterError, match="again is a control plane only"):
            cluster.up(nodes=1)


def test_objects_outlive_the_api_server_and_owned_ones_are_collected() -> None:
    with control_plane("collect") as cluster:
        cluster.kubectl("create", "deployment", "web", "--image=localhost/none", "--replicas=2")

        def pods() -> int:
            return len(json.loads(cluster.kubectl("get", "pods", "--output=json"))["items"])

        wait_until(lambda: pods() == 2, what="two pods of the Deployment", seconds=30)
        cluster.restart_api_server()
        cluster.kubectl("delete", "deployment", "web", "--cascade=background")
        wait_until(lambda: pods() == 0, what="collection of the pods", seconds=60)


def test_down_of_nothing_is_fine() -> None:
    Cluster("never-was").down()
    assert traces("never-was") == []
