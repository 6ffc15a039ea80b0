"""Configuration files of components, as text."""

import json
from pathlib import Path

import yaml

from slipway_devcluster.addressing import Addresses

PAUSE_IMAGE = "localhost/slipway-pause:1"


def corefile(addresses: Addresses, kubeconfig: Path) -> str:
    """CoreDNS for cluster.local only: with no way out there is nothing to forward to."""
    return f"""cluster.local:53 in-addr.arpa:53 ip6.arpa:53 {{
    bind {addresses.control_plane}
    errors
    kubernetes cluster.local in-addr.arpa ip6.arpa {{
        kubeconfig {kubeconfig}
        pods insecure
        ttl 5
    }}
    ready {addresses.control_plane}:8181
}}

.:53 {{
    bind {addresses.control_plane}
    errors
    template ANY ANY {{
        rcode NXDOMAIN
    }}
}}
"""


def audit_policy() -> str:
    """Who asked for what, of every ServiceAccount but the control plane's own; a watch counts when it starts."""
    return yaml.safe_dump(
        {
            "apiVersion": "audit.k8s.io/v1",
            "kind": "Policy",
            "omitStages": ["RequestReceived"],
            "rules": [
                {"level": "None", "userGroups": ["system:serviceaccounts:kube-system"]},
                {"level": "Metadata", "userGroups": ["system:serviceaccounts"]},
            ],
        },
    )


def kube_proxy(addresses: Addresses, kubeconfig: Path, listen: str) -> str:
    """kube-proxy by nftables; conntrack limits stay the machine's."""
    return yaml.safe_dump(
        {
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "mode": "nftables",
            "clientConnection": {"kubeconfig": str(kubeconfig)},
            "clusterCIDR": str(addresses.pods),
            "bindAddress": listen,
            "healthzBindAddress": f"{listen}:10256",
            "metricsBindAddress": f"{listen}:10249",
            "conntrack": {"maxPerCore": 0, "min": 0, "tcpCloseWaitTimeout": "0s", "tcpEstablishedTimeout": "0s"},
        },
    )


def kubelet(addresses: Addresses, *, folder: Path, cgroup: str, address: str, authority: Path) -> str:
    """The kubelet's file. Image collection is off: there is no registry to pull from again."""
    return yaml.safe_dump(
        {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "address": address,
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"enabled": True},
                "x509": {"clientCAFile": str(authority)},
            },
            "authorization": {"mode": "Webhook"},
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": f"/{cgroup}",
            "clusterDNS": [str(addresses.dns)],
            "clusterDomain": "cluster.local",
            "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
            "failCgroupV1": False,
            "failSwapOn": False,
            "healthzBindAddress": "127.0.0.1",
            "imageGCHighThresholdPercent": 100,
            "nodeStatusReportFrequency": "10s",
            "nodeStatusUpdateFrequency": "5s",
            "podLogsDir": str(folder / "pod-logs"),
            "registerNode": True,
            "resolvConf": str(folder / "resolv.conf"),
            "rotateCertificates": False,
            "serializeImagePulls": False,
            "shutdownGracePeriod": "0s",
        },
    )


def containerd(*, folder: Path, run: Path, own_oom_score: bool) -> str:
    """The file of containerd (version 2). Pods' namespaces are mounted below `run`: nothing is left in /run/netns.

    `own_oom_score` says whether a pod's OOM score may be lower than this program's own (CAP_SYS_RESOURCE).
    """
    return f"""version = 2
root = "{folder / "containerd"}"
state = "{run / "state"}"
disabled_plugins = [
  "io.containerd.internal.v1.opt",
  "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs",
]

[grpc]
  address = "{run / "containerd.sock"}"

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE_IMAGE}"
  disable_apparmor = true
  restrict_oom_score_adj = {str(not own_oom_score).lower()}
  netns_mounts_under_state_dir = true
  stream_server_address = "127.0.0.1"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{folder / "cni"}"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    discard_unpacked_layers = true
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
"""


def cni(addresses: Addresses, index: int, folder: Path) -> str:
    """A bridge per node with addresses from the node's part of the pod network, and hostPort."""
    return json.dumps(
        {
            "cniVersion": "1.0.0",
            "name": addresses.node_namespace(index),
            "plugins": [
                {
                    "type": "bridge",
                    "bridge": "cni0",
                    "isGateway": True,
                    "hairpinMode": True,
                    "ipMasq": False,
                    "ipam": {
                        "type": "host-local",
                        "dataDir": str(folder / "cni-addresses"),
                        "ranges": [[{"subnet": str(addresses.node_pods(index))}]],
                        "routes": [{"dst": "0.0.0.0/0"}],
                    },
                },
                {"type": "portmap", "capabilities": {"portMappings": True}},
            ],
        },
        indent=1,
    )
