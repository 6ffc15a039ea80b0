"""Bring up etcd, API server, controllers and, for clusters with nodes, scheduler, DNS and the machine's kube-proxy."""

from dataclasses import dataclass
from pathlib import Path

from slipway_devcluster import certificates, components, configs, manifests, network
from slipway_devcluster.api import answers
from slipway_devcluster.commands import run
from slipway_devcluster.paths import ClusterPaths, write_if_changed
from slipway_devcluster.state import ClusterState
from slipway_devcluster.supervision import Supervisor
from slipway_devcluster.waiting import wait_until

READY_SECONDS = 90.0


@dataclass(frozen=True)
class ControlPlane:
    """The control plane of one cluster."""

    state: ClusterState
    paths: ClusterPaths
    binaries: dict[str, Path]

    @property
    def _supervisor(self) -> Supervisor:
        return Supervisor(self.paths.processes)

    def up(self) -> None:
        """Start what does not run and return when the API server and the controllers answer.

        Raises:
            ComponentError: one died; the message has the tail of its log.
            DevclusterError: one did not answer in time.
        """
        addresses = self.state.addresses
        network.create_control_plane(addresses)
        self._supervisor.start(components.etcd(self.binaries, addresses, self.paths))
        certificates.make_certificates(self.binaries["kubeadm"], addresses, self.paths)
        if self.state.audit:
            write_if_changed(self.paths.audit_policy, configs.audit_policy())
        self._supervisor.start(components.api_server(self.binaries, addresses, self.paths, audit=self.state.audit))
        self._supervisor.start(
            components.controller_manager(self.binaries, addresses, self.paths, self.state.controllers),
        )
        self.wait_api()
        self._apply(manifests.administrators() + manifests.storage_class(), "super-admin.conf")
        if not self.state.control_plane_only:
            self._up_for_nodes()
        self._wait_controllers()

    def wait_api(self, seconds: float = READY_SECONDS) -> None:
        """Wait until the API server is ready."""
        url, authority = f"{self.state.addresses.api}/readyz", self.paths.pki / "ca.crt"
        self._supervisor.wait_ready(
            components.API_SERVER,
            lambda: answers(url, authority),
            seconds=seconds,
            needs=(components.ETCD,),
        )

    def _up_for_nodes(self) -> None:
        addresses, paths = self.state.addresses, self.paths
        self._apply(manifests.dns(addresses), "super-admin.conf")
        corefile, proxy = paths.root / "Corefile", paths.root / "kube-proxy.yaml"
        write_if_changed(corefile, configs.corefile(addresses, paths.kubeconfigs / "coredns.conf"))
        write_if_changed(
            proxy,
            configs.kube_proxy(addresses, paths.kubeconfigs / "kube-proxy.conf", str(addresses.control_plane)),
        )
        self._supervisor.start(components.scheduler(self.binaries, addresses, paths))
        self._supervisor.start(components.dns(self.binaries, addresses, paths, corefile))
        self._supervisor.start(components.control_plane_proxy(self.binaries, addresses, paths, proxy))
        ready = f"http://{addresses.control_plane}:8181/ready"
        self._supervisor.wait_ready(components.DNS, lambda: answers(ready, paths.pki / "ca.crt"), seconds=READY_SECONDS)

    def _wait_controllers(self) -> None:
        """The default ServiceAccount is made by a controller, and no pod can be created before it."""
        find: list[str | Path] = [self.binaries["kubectl"], "--kubeconfig", self.paths.kubeconfig]
        find += ["get", "serviceaccount", "default", "--ignore-not-found", "--output=name"]

        def made() -> bool:
            self._supervisor.check([components.CONTROLLER_MANAGER])
            return bool(run(find, check=False).strip())

        wait_until(
            made,
            what="default ServiceAccount",
            seconds=READY_SECONDS,
            explain=lambda: self._supervisor.explain(components.CONTROLLER_MANAGER),
        )

    def _apply(self, objects: list[dict[str, object]], kubeconfig: str) -> None:
        argv: list[str | Path] = [self.binaries["kubectl"], "--kubeconfig", self.paths.kubeconfigs / kubeconfig]
        run([*argv, "apply", "--server-side", "--force-conflicts", "-f", "-"], stdin=manifests.as_yaml(objects))
