"""Command lines of the control plane's components."""

from pathlib import Path

from slipway_devcluster.addressing import API_PORT, Addresses
from slipway_devcluster.network import inside
from slipway_devcluster.paths import ClusterPaths
from slipway_devcluster.state import Component

ETCD = "etcd"
API_SERVER = "kube-apiserver"
CONTROLLER_MANAGER = "kube-controller-manager"
SCHEDULER = "kube-scheduler"
DNS = "coredns"
CONTROL_PLANE_PROXY = "kube-proxy"


def etcd(binaries: dict[str, Path], addresses: Addresses, paths: ClusterPaths) -> Component:
    """The database, on the control plane's loopback; without fsync, because it need not outlive the machine."""
    client, peer = "http://127.0.0.1:2379", "http://127.0.0.1:2380"
    argv = [
        str(binaries["etcd"]),
        f"--data-dir={paths.root / 'etcd'}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
        "--unsafe-no-fsync",
        "--log-level=warn",
        "--quota-backend-bytes=4294967296",
        "--auto-compaction-retention=5m",
    ]
    return _component(ETCD, argv, addresses, paths)


def api_server(binaries: dict[str, Path], addresses: Addresses, paths: ClusterPaths, *, audit: bool) -> Component:
    """The API server with the authorization of a real cluster: Node and RBAC, and NodeRestriction.

    With `audit` it writes down the requests that the policy in `paths` names, and checks who may set owner references.
    """
    pki = paths.pki
    # As OpenShift does it: shows whether an operator may set owners. It learns of new kinds only after some seconds.
    plugins = "NodeRestriction,OwnerReferencesPermissionEnforcement" if audit else "NodeRestriction"
    argv = [
        str(binaries["kube-apiserver"]),
        f"--advertise-address={addresses.control_plane}",
        f"--bind-address={addresses.control_plane}",
        f"--secure-port={API_PORT}",
        "--allow-privileged=true",
        "--authorization-mode=Node,RBAC",
        f"--enable-admission-plugins={plugins}",
        f"--client-ca-file={pki / 'ca.crt'}",
        f"--tls-cert-file={pki / 'apiserver.crt'}",
        f"--tls-private-key-file={pki / 'apiserver.key'}",
        "--etcd-servers=http://127.0.0.1:2379",
        f"--kubelet-client-certificate={pki / 'apiserver-kubelet-client.crt'}",
        f"--kubelet-client-key={pki / 'apiserver-kubelet-client.key'}",
        "--kubelet-preferred-address-types=InternalIP",
        f"--proxy-client-cert-file={pki / 'front-proxy-client.crt'}",
        f"--proxy-client-key-file={pki / 'front-proxy-client.key'}",
        f"--requestheader-client-ca-file={pki / 'front-proxy-ca.crt'}",
        "--requestheader-allowed-names=front-proxy-client",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-username-headers=X-Remote-User",
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
        f"--service-account-key-file={pki / 'sa.pub'}",
        f"--service-account-signing-key-file={pki / 'sa.key'}",
        f"--service-cluster-ip-range={addresses.services}",
        "--shutdown-delay-duration=0s",
    ]
    if audit:
        argv += [f"--audit-policy-file={paths.audit_policy}", f"--audit-log-path={paths.audit_log}"]
    return _component(API_SERVER, argv, addresses, paths)


def controller_manager(
    binaries: dict[str, Path],
    addresses: Addresses,
    paths: ClusterPaths,
    controllers: str,
) -> Component:
    """All controllers, or those `controllers` names (in the flag's syntax); a lost node is noticed within 20 s."""
    pki, kubeconfig = paths.pki, paths.kubeconfigs / "controller-manager.conf"
    argv = [
        str(binaries["kube-controller-manager"]),
        f"--kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        "--bind-address=127.0.0.1",
        "--leader-elect=false",
        f"--controllers={controllers}",
        "--use-service-account-credentials=true",
        f"--root-ca-file={pki / 'ca.crt'}",
        f"--service-account-private-key-file={pki / 'sa.key'}",
        f"--cluster-signing-cert-file={pki / 'ca.crt'}",
        f"--cluster-signing-key-file={pki / 'ca.key'}",
        f"--client-ca-file={pki / 'ca.crt'}",
        f"--requestheader-client-ca-file={pki / 'front-proxy-ca.crt'}",
        "--allocate-node-cidrs=false",
        "--node-monitor-period=2s",
        "--node-monitor-grace-period=20s",
        "--kube-api-qps=100",
        "--kube-api-burst=200",
        "--concurrent-gc-syncs=20",
    ]
    return _component(CONTROLLER_MANAGER, argv, addresses, paths)


def scheduler(binaries: dict[str, Path], addresses: Addresses, paths: ClusterPaths) -> Component:
    """The default scheduler."""
    kubeconfig = paths.kubeconfigs / "scheduler.conf"
    argv = [
        str(binaries["kube-scheduler"]),
        f"--kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        "--bind-address=127.0.0.1",
        "--leader-elect=false",
    ]
    return _component(SCHEDULER, argv, addresses, paths)


def dns(binaries: dict[str, Path], addresses: Addresses, paths: ClusterPaths, corefile: Path) -> Component:
    """Cluster DNS, beside the API server; a pod finds it behind the ClusterIP of kube-dns."""
    argv = [str(binaries["coredns"]), "-conf", str(corefile)]
    return _component(DNS, argv, addresses, paths)


def control_plane_proxy(
    binaries: dict[str, Path], addresses: Addresses, paths: ClusterPaths, config: Path
) -> Component:
    """kube-proxy where the machine's and the API server's own traffic to ClusterIPs passes.

    It takes the first node's name: kube-proxy waits half a minute for a Node of its own name before it does anything.
    """
    argv = [str(binaries["kube-proxy"]), f"--config={config}", f"--hostname-override={addresses.node_name(0)}"]
    return _component(CONTROL_PLANE_PROXY, argv, addresses, paths)


def _component(name: str, argv: list[str], addresses: Addresses, paths: ClusterPaths) -> Component:
    return Component(name=name, argv=tuple(inside(addresses.namespace, *argv)), log=paths.logs / f"{name}.log")
