"""A cluster as one object: its life, and faults for tests. Each fault is the real thing, not a simulation."""

import json
import time

from slipway_devcluster import components, network
from slipway_devcluster.commands import run
from slipway_devcluster.control_plane import ControlPlane
from slipway_devcluster.errors import DevclusterError
from slipway_devcluster.lifecycle import Lifecycle
from slipway_devcluster.supervision import Supervisor

_RUNTIME_PREFIX = "containerd://"


class Cluster(Lifecycle):
    """A Kubernetes cluster on this machine: bring it up, use it, break and mend it, take it down."""

    def stop_kubelet(self, node: str) -> None:
        """Kill the node's kubelet: its pods run on, the API server loses sight of them (NotReady within 30 s)."""
        target = self.node(node)
        self._supervisor.stop(target.component("kubelet"), grace=0)

    def start_kubelet(self, node: str) -> None:
        """Start the node's kubelet again; nothing if it runs."""
        self.node(node).start_kubelet()

    def cut_link(self, node: str) -> None:
        """Cut the node from everything: control plane, machine and other nodes. Its pods run on."""
        target = self.node(node)
        network.set_link(self.state.addresses, target.index, up=False)

    def restore_link(self, node: str) -> None:
        """Join a cut node again."""
        target = self.node(node)
        network.set_link(self.state.addresses, target.index, up=True)

    def cordon(self, node: str) -> None:
        """Keep new pods off the node."""
        self.kubectl("cordon", node)

    def uncordon(self, node: str) -> None:
        """Let new pods onto the node."""
        self.kubectl("uncordon", node)

    def drain(self, node: str, *, timeout: int = 120) -> None:
        """Evict the node's pods, honouring PodDisruptionBudgets.

        Raises:
            CommandError: pods were left after `timeout` seconds.
        """
        words = ["--ignore-daemonsets", "--delete-emptydir-data", "--force", f"--timeout={timeout}s"]
        self.kubectl("drain", node, *words)

    def kill_container(self, node: str, container: str, *, signal: str = "KILL") -> None:
        """Signal a container's first process (SIGKILL cannot be caught: as the OOM killer or a crash would).

        Raises:
            CommandError: the node runs no such container.
        """
        socket = self.node(node).socket
        run(
            ["ctr", "--address", socket, "--namespace", "k8s.io", "task", "kill", "--signal", f"SIG{signal}", container]
        )

    def kill_pod_container(
        self, namespace: str, pod: str, container: str | None = None, *, signal: str = "KILL"
    ) -> None:
        """Signal a container of a pod, its first one unless named.

        Raises:
            DevclusterError: the pod has no such running container.
        """
        found = json.loads(self.kubectl("--namespace", namespace, "get", "pod", pod, "--output=json"))
        node, identity = running_container(found, container)
        self.kill_container(node, identity, signal=signal)

    def restart_api_server(self, *, down_seconds: float = 0.0, wait: bool = True) -> None:
        """Kill the API server, leave it dead for a while, start it again and (with `wait`) wait until it is ready."""
        self.kill_api_server()
        if down_seconds > 0:
            time.sleep(down_seconds)
        self.start_api_server(wait=wait)

    def kill_api_server(self) -> None:
        """Kill the API server."""
        self._supervisor.stop(components.API_SERVER, grace=0, forget=False)

    def start_api_server(self, *, wait: bool = True) -> None:
        """Start the API server as it was; nothing if it runs."""
        self._supervisor.restart(components.API_SERVER)
        if wait:
            ControlPlane(self.state, self.paths, {}).wait_api()

    @property
    def _supervisor(self) -> Supervisor:
        return Supervisor(self.paths.processes)


def running_container(pod: dict[str, object], name: str | None) -> tuple[str, str]:
    """Node and container id of a running container of a pod, from the pod as the API server gives it.

    Raises:
        DevclusterError: no such container, or it does not run.
    """
    spec, status = pod["spec"], pod["status"]
    if not isinstance(spec, dict) or not isinstance(status, dict):
        raise DevclusterError("this is not a pod")
    wanted = name or spec["containers"][0]["name"]
    for found in [*status.get("containerStatuses", []), *status.get("initContainerStatuses", [])]:
        if found["name"] == wanted and "running" in found.get("state", {}):
            return str(spec["nodeName"]), str(found["containerID"]).removeprefix(_RUNTIME_PREFIX)
    raise DevclusterError(f"container {wanted!r} does not run in this pod (phase {status.get('phase')})")
