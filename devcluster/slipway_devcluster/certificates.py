"""Certificates and kubeconfigs by kubeadm's own phases."""

from pathlib import Path

import yaml

from slipway_devcluster.addressing import Addresses
from slipway_devcluster.binaries import KUBERNETES_VERSION
from slipway_devcluster.commands import run
from slipway_devcluster.paths import ClusterPaths

# Users of the control plane that are not in `kubeconfig all`, and the group that RBAC gives their rights to.
EXTRA_USERS = ("system:kube-proxy", "system:coredns")


def kubeadm_configuration(addresses: Addresses, pki: Path, node: str) -> str:
    """The kubeadm file for one node. Elliptic keys, because RSA keys take seconds; etcd needs no certificate."""
    documents: list[dict[str, object]] = [
        {
            "apiVersion": "kubeadm.k8s.io/v1beta4",
            "kind": "InitConfiguration",
            "localAPIEndpoint": {"advertiseAddress": str(addresses.control_plane), "bindPort": 6443},
            "nodeRegistration": {"name": node},
        },
        {
            "apiVersion": "kubeadm.k8s.io/v1beta4",
            "kind": "ClusterConfiguration",
            "kubernetesVersion": KUBERNETES_VERSION,
            "clusterName": addresses.name,
            "certificatesDir": str(pki),
            "controlPlaneEndpoint": f"{addresses.control_plane}:6443",
            "encryptionAlgorithm": "ECDSA-P256",
            "etcd": {"external": {"endpoints": ["http://127.0.0.1:2379"]}},
            "networking": {"serviceSubnet": str(addresses.services), "podSubnet": str(addresses.pods)},
        },
    ]
    return yaml.safe_dump_all(documents, sort_keys=False)


def make_certificates(kubeadm: Path, addresses: Addresses, paths: ClusterPaths) -> None:
    """Write the control plane's certificates and kubeconfigs, unless they are there."""
    if paths.kubeconfig.exists():
        return
    paths.kubeconfigs.mkdir(parents=True, exist_ok=True)
    configuration = paths.root / "kubeadm.yaml"
    configuration.write_text(kubeadm_configuration(addresses, paths.pki, addresses.node_name(0)))
    offline = ["--config", str(configuration)]
    run([kubeadm, "init", "phase", "certs", "all", *offline])
    for user in EXTRA_USERS:
        text = run([kubeadm, "kubeconfig", "user", "--client-name", user, *offline])
        _private(paths.kubeconfigs / f"{user.removeprefix('system:')}.conf", text)
    for identity in ("controller-manager", "scheduler", "super-admin", "admin"):
        run([kubeadm, "init", "phase", "kubeconfig", identity, "--kubeconfig-dir", paths.kubeconfigs, *offline])


def make_node_kubeconfig(kubeadm: Path, addresses: Addresses, paths: ClusterPaths, node: str) -> Path:
    """Write the kubelet's own kubeconfig (user system:node:NAME), which NodeRestriction confines to its node."""
    folder = paths.node(node)
    target = folder / "kubelet.conf"
    if not target.exists():
        folder.mkdir(parents=True, exist_ok=True)
        configuration = folder / "kubeadm.yaml"
        configuration.write_text(kubeadm_configuration(addresses, paths.pki, node))
        run([kubeadm, "init", "phase", "kubeconfig", "kubelet", "--kubeconfig-dir", folder, "--config", configuration])
    return target


def _private(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text)
