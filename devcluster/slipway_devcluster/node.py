"""One node: namespaces, cgroup, containerd, kubelet and kube-proxy.

A node has a mount namespace besides its network namespace. Some paths are fixed in kubelet, containerd's shims and CNI
(/var/lib/kubelet, /run/containerd, …); there each node sees a folder of its own, and every mount made for its pods
vanishes with its last process.
"""

import shlex
from dataclasses import dataclass
from pathlib import Path

from slipway_devcluster import certificates, cgroups, configs, manifests, network
from slipway_devcluster.errors import ComponentError
from slipway_devcluster.image_load import load_image
from slipway_devcluster.images import ensure_pause
from slipway_devcluster.paths import ClusterPaths, write_if_changed
from slipway_devcluster.process import may_lower_oom_score
from slipway_devcluster.state import ClusterState, Component
from slipway_devcluster.supervision import Supervisor

READY_SECONDS = 60.0
# Fixed path → folder of the node that is seen there.
PRIVATE = {
    "/var/lib/kubelet": "kubelet",
    "/var/lib/cni": "cni-state",
    "/var/log/containers": "container-logs",
    "/run/containerd": "shims",
}


@dataclass(frozen=True)
class Node:
    """Node `index` of a cluster."""

    state: ClusterState
    paths: ClusterPaths
    binaries: dict[str, Path]
    index: int

    @property
    def name(self) -> str:
        """The node's name in Kubernetes."""
        return self.state.addresses.node_name(self.index)

    @property
    def cgroup(self) -> str:
        """Cgroup of all its pods, and network namespace: they share one name."""
        return self.state.addresses.node_namespace(self.index)

    @property
    def folder(self) -> Path:
        """Everything it stores."""
        return self.paths.node(self.name)

    @property
    def socket(self) -> Path:
        """The socket of containerd."""
        return self.paths.socket(self.name)

    @property
    def volumes(self) -> Path:
        """Where its PersistentVolumes are."""
        return self.folder / "volumes"

    @property
    def _supervisor(self) -> Supervisor:
        return Supervisor(self.paths.processes)

    def component(self, kind: str) -> str:
        """Name of one of its components: `kubelet`, `containerd`, `kube-proxy` or `holder`."""
        return f"{kind}-{self.name}"

    def up(self) -> None:
        """Start what does not run; returns when containerd answers and the kubelet is started.

        Raises:
            ComponentError: a component died; the message has the tail of its log.
        """
        network.create_node(self.state.addresses, self.index)
        cgroups.create(self.cgroup)
        self._write_configuration()
        self._start_holder()
        self._supervisor.start(
            self._inside("containerd", ["containerd", "--config", str(self.folder / "containerd.toml")], runtime=True),
        )
        self._supervisor.wait_ready(self.component("containerd"), self.socket.exists, seconds=READY_SECONDS)
        load_image(self.socket, ensure_pause())
        self.start_kubelet()
        self._supervisor.start(self._kube_proxy())

    def start_kubelet(self) -> None:
        """Start the kubelet unless it runs."""
        self._supervisor.start(self._kubelet())

    def check(self) -> None:
        """Raise ComponentError if one of its components is dead."""
        self._supervisor.check(self.component(kind) for kind in ("holder", "containerd", "kubelet", "kube-proxy"))

    def persistent_volumes(self) -> list[dict[str, object]]:
        """Its volumes as objects; the folders are made here, open to the group that a pod's fsGroup will set."""
        objects = manifests.volumes(self.name, self.volumes)
        for number in range(len(objects)):
            (self.volumes / str(number)).mkdir(parents=True, exist_ok=True)
        return objects

    def _write_configuration(self) -> None:
        addresses, folder = self.state.addresses, self.folder
        address = str(addresses.node_address(self.index))
        certificates.make_node_kubeconfig(self.binaries["kubeadm"], addresses, self.paths, self.name)
        (folder / "cni").mkdir(parents=True, exist_ok=True)
        (folder / "resolv.conf").touch()
        write_if_changed(folder / "cni" / "10-bridge.conflist", configs.cni(addresses, self.index, folder))
        write_if_changed(
            folder / "containerd.toml",
            configs.containerd(folder=folder, run=self.socket.parent, own_oom_score=may_lower_oom_score()),
        )
        write_if_changed(
            folder / "kubelet.yaml",
            configs.kubelet(
                addresses,
                folder=folder,
                cgroup=self.cgroup,
                address=address,
                authority=self.paths.pki / "ca.crt",
            ),
        )
        write_if_changed(
            folder / "kube-proxy.yaml",
            configs.kube_proxy(addresses, self.paths.kubeconfigs / "kube-proxy.conf", address),
        )

    def _start_holder(self) -> None:
        ready = self.socket.parent / "holder"
        self.socket.parent.mkdir(parents=True, exist_ok=True)
        if not self._supervisor.running(self.component("holder")):
            ready.unlink(missing_ok=True)
        lines = ["set -e", "mount --make-rprivate /", "mount --make-rshared /"]
        for fixed, own in PRIVATE.items():
            (self.folder / own).mkdir(parents=True, exist_ok=True)
            Path(fixed).mkdir(parents=True, exist_ok=True)
            lines.append(f"mount --bind {shlex.quote(str(self.folder / own))} {fixed}")
        lines += [f"touch {shlex.quote(str(ready))}", "exec sleep infinity"]
        argv = network.inside(
            self.cgroup, "unshare", "--mount", "--propagation", "private", "sh", "-c", "\n".join(lines)
        )
        name = self.component("holder")
        self._supervisor.start(Component(name=name, argv=tuple(argv), log=self.paths.logs / f"{name}.log"))
        self._supervisor.wait_ready(name, ready.exists, seconds=READY_SECONDS)

    def _inside(self, kind: str, argv: list[str], *, runtime: bool = False) -> Component:
        """A component in the node's network and mount namespaces."""
        holder = self._supervisor.find(self.component("holder"))
        if holder is None or not self._supervisor.running(self.component("holder")):
            raise ComponentError(
                f"node {self.name}: the process that holds its namespaces is gone; bring the cluster down"
            )
        enter = ["nsenter", f"--mount=/proc/{holder.identity.pid}/ns/mnt", f"--net={network.NETNS / self.cgroup}", "--"]
        return Component(
            name=self.component(kind),
            argv=(*enter, *argv),
            log=self.paths.logs / f"{self.component(kind)}.log",
            cgroup=f"{self.cgroup}/runtime" if runtime else None,
        )

    def _kubelet(self) -> Component:
        address = self.state.addresses.node_address(self.index)
        argv = [
            str(self.binaries["kubelet"]),
            f"--config={self.folder / 'kubelet.yaml'}",
            f"--kubeconfig={self.folder / 'kubelet.conf'}",
            f"--cert-dir={self.folder / 'kubelet-pki'}",
            f"--container-runtime-endpoint=unix://{self.socket}",
            f"--hostname-override={self.name}",
            f"--node-ip={address}",
        ]
        return self._inside("kubelet", argv)

    def _kube_proxy(self) -> Component:
        config = self.folder / "kube-proxy.yaml"
        argv = [str(self.binaries["kube-proxy"]), f"--config={config}", f"--hostname-override={self.name}"]
        return self._inside("kube-proxy", argv)
