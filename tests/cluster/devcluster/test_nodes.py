"""One cluster of two nodes for the whole module; each test mends what it breaks."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

from slipway_devcluster import Cluster, CommandError
from slipway_devcluster.base_image import BASE, ensure_base
from slipway_devcluster.buildah import Buildah
from slipway_devcluster.lifecycle import ready_nodes
from slipway_devcluster.network import NETNS
from slipway_devcluster.waiting import wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.skipif(os.geteuid() != 0, reason="namespaces need root")]

NAME = "faults"
ONE, TWO = f"{NAME}-0", f"{NAME}-1"
SERVER = "import http.server as h; h.test(h.SimpleHTTPRequestHandler, port=8080)"
READER = """
import pathlib, socket, urllib.request
pathlib.Path('/data/kept').write_text('mine')
print(urllib.request.urlopen('http://web.default.svc.cluster.local', timeout=5).status)
try:
    socket.create_connection(('192.0.2.77', 80), 2)
except OSError as error:
    print(error.strerror)
"""


def objects() -> str:
    """A server on each node behind a Service, and a claim with a pod that may not be root."""
    labels = {"app": "web"}
    spread = {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": labels},
    }
    server = {
        "name": "web",
        "image": BASE,
        "command": ["python3", "-c", SERVER],
        "readinessProbe": {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1},
    }
    pod = {"topologySpreadConstraints": [spread], "containers": [server], "terminationGracePeriodSeconds": 0}
    items = [
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "web"},
            "spec": {
                "replicas": 2,
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": pod},
            },
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "web"},
            "spec": {"selector": labels, "ports": [{"port": 80, "targetPort": 8080}]},
        },
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": "data"},
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
        },
    ]
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": items})


def reader() -> str:
    """A pod of user 65532 that writes the claim, asks the Service by name, and tries to leave the machine."""
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "reader"},
            "spec": {
                "restartPolicy": "Never",
                "securityContext": {"runAsUser": 65532, "runAsGroup": 65532, "fsGroup": 65532, "runAsNonRoot": True},
                "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}],
                "containers": [
                    {
                        "name": "reader",
                        "image": BASE,
                        "command": ["python3", "-c", READER],
                        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
                    },
                ],
            },
        },
    )


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    cluster = Cluster(NAME)
    try:
        cluster.up(nodes=2)
        ensure_base(Buildah.default())
        cluster.load_images([BASE])
        cluster.kubectl("apply", "-f", "-", stdin=objects())
        cluster.kubectl("rollout", "status", "deployment/web", "--timeout=120s")
        yield cluster
    finally:
        cluster.down()
    assert not list(NETNS.glob(f"slipway-{NAME}*"))
    assert not [line for line in Path("/proc/mounts").read_text().splitlines() if f"/{NAME}/" in line]
    assert not list(Path("/sys/fs/cgroup").glob(f"*/slipway-{NAME}*"))
    assert not cluster.paths.root.exists()


def ready(cluster: Cluster) -> set[str]:
    return ready_nodes(json.loads(cluster.kubectl("get", "nodes", "--output=json"))["items"])


def web_pods(cluster: Cluster) -> list[dict[str, dict[str, object]]]:
    pods: list[dict[str, dict[str, object]]] = json.loads(
        cluster.kubectl("get", "pods", "--selector=app=web", "--output=json"),
    )["items"]
    return pods


def test_pods_reach_services_by_name_and_volumes_but_not_the_world(cluster: Cluster) -> None:
    cluster.kubectl("apply", "-f", "-", stdin=reader())
    cluster.kubectl("wait", "--for=jsonpath={.status.phase}=Succeeded", "pod/reader", "--timeout=60s")
    assert cluster.kubectl("logs", "reader").split("\n") == ["200", "Network is unreachable", ""]


def test_the_machine_reaches_pods_and_cluster_addresses(cluster: Cluster) -> None:
    pods = web_pods(cluster)
    assert {pod["spec"]["nodeName"] for pod in pods} == {ONE, TWO}
    service = cluster.kubectl("get", "service", "web", "--output=jsonpath={.spec.clusterIP}")
    for url in (f"http://{service}", *(f"http://{pod['status']['podIP']}:8080" for pod in pods)):
        with urlopen(url, timeout=5) as reply:  # noqa: S310  (addresses of our own cluster)
            assert reply.status == 200


def test_kubelet_may_change_only_its_own_node(cluster: Cluster) -> None:
    kubeconfig = str(cluster.node(ONE).folder / "kubelet.conf")
    own = ["label", "node", ONE, "own=yes", "--kubeconfig", kubeconfig]
    cluster.kubectl(*own)
    with pytest.raises(CommandError, match="only its own Node object"):
        cluster.kubectl("label", "node", TWO, "own=no", "--kubeconfig", kubeconfig)


def test_extra_capacity_outlives_the_kubelets_own_reports(cluster: Cluster) -> None:
    cluster.set_capacity(ONE, {"nvidia.com/gpu": "4"})
    cluster.stop_kubelet(ONE)
    cluster.start_kubelet(ONE)
    wait_until(lambda: cluster.status()["up"] is True and ONE in ready(cluster), what="Ready", seconds=60)
    path = "--output=jsonpath={.status.allocatable.nvidia\\.com/gpu}"
    assert cluster.kubectl("get", "node", ONE, path) == "4"


def test_a_killed_container_is_started_again(cluster: Cluster) -> None:
    pod = str(web_pods(cluster)[0]["metadata"]["name"])

    def restarts() -> int:
        path = "--output=jsonpath={.status.containerStatuses[0].restartCount}"
        return int(cluster.kubectl("get", "pod", pod, path) or 0)

    before = restarts()
    cluster.kill_pod_container("default", pod)
    wait_until(lambda: restarts() == before + 1, what="restart of the container", seconds=60)
    cluster.kubectl("wait", "--for=condition=Ready", f"pod/{pod}", "--timeout=60s")


def test_a_drained_node_is_empty_until_uncordoned(cluster: Cluster) -> None:
    cluster.kubectl("delete", "pod", "reader", "--ignore-not-found")
    cluster.drain(TWO)
    assert TWO not in {pod["spec"].get("nodeName") for pod in web_pods(cluster)}
    cluster.uncordon(TWO)
    cluster.kubectl("rollout", "status", "deployment/web", "--timeout=60s")


def test_a_cut_link_makes_a_node_not_ready_and_mending_it_ready(cluster: Cluster) -> None:
    cluster.cut_link(TWO)
    try:
        wait_until(lambda: ready(cluster) == {ONE}, what="NotReady of the cut node", seconds=60, every=0.5)
    finally:
        cluster.restore_link(TWO)
    wait_until(lambda: ready(cluster) == {ONE, TWO}, what="Ready of the mended node", seconds=60, every=0.5)
