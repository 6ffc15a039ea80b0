import json
import tomllib
from pathlib import Path

import yaml

from slipway_devcluster import components, configs, manifests
from slipway_devcluster.addressing import Addresses
from slipway_devcluster.buildah import pip_configuration
from slipway_devcluster.certificates import kubeadm_configuration
from slipway_devcluster.paths import ClusterPaths

ADDRESSES = Addresses("dev", 5)
FOLDER = Path("/cache/clusters/dev/nodes/dev-1")


def test_kubelet_runs_pods_in_the_nodes_own_cgroup_and_asks_who_calls() -> None:
    text = configs.kubelet(
        ADDRESSES, folder=FOLDER, cgroup="slipway-dev.1", address="10.197.1.11", authority=Path("/ca")
    )
    config = yaml.safe_load(text)
    assert config["cgroupRoot"] == "/slipway-dev.1"
    assert config["failCgroupV1"] is False
    assert config["imageGCHighThresholdPercent"] == 100
    assert config["authentication"]["anonymous"]["enabled"] is False
    assert config["authorization"]["mode"] == "Webhook"
    assert config["clusterDNS"] == ["10.133.0.10"]


def test_containerd_keeps_everything_in_the_nodes_folders() -> None:
    text = configs.containerd(folder=FOLDER, run=Path("/run/slipway/dev/dev-1"), own_oom_score=False)
    config = tomllib.loads(text)
    cri = config["plugins"]["io.containerd.grpc.v1.cri"]
    assert config["root"] == str(FOLDER / "containerd")
    assert config["state"] == "/run/slipway/dev/dev-1/state"
    assert len(config["grpc"]["address"]) < 108
    assert cri["sandbox_image"] == configs.PAUSE_IMAGE
    assert cri["restrict_oom_score_adj"] is True
    assert cri["netns_mounts_under_state_dir"] is True


def test_cni_gives_each_node_its_part_of_the_pod_network() -> None:
    config = json.loads(configs.cni(ADDRESSES, 1, FOLDER))
    bridge = config["plugins"][0]
    assert bridge["ipMasq"] is False
    assert bridge["ipam"]["ranges"] == [[{"subnet": "10.69.1.0/24"}]]


def test_dns_answers_the_cluster_and_denies_the_rest() -> None:
    text = configs.corefile(ADDRESSES, Path("/k"))
    assert "forward" not in text
    assert text.index("kubernetes cluster.local") < text.index("template ANY ANY")


def test_kube_proxy_uses_nftables() -> None:
    config = yaml.safe_load(configs.kube_proxy(ADDRESSES, Path("/k"), "10.197.1.11"))
    assert config["mode"] == "nftables"
    assert config["clusterCIDR"] == "10.69.0.0/16"


def test_kubeadm_configuration_names_node_and_address() -> None:
    documents = list(yaml.safe_load_all(kubeadm_configuration(ADDRESSES, Path("/pki"), "dev-1")))
    assert documents[0]["nodeRegistration"]["name"] == "dev-1"
    assert documents[1]["controlPlaneEndpoint"] == "10.197.1.1:6443"
    assert documents[1]["networking"]["serviceSubnet"] == "10.133.0.0/16"


def test_api_server_checks_rights_as_a_real_cluster_does() -> None:
    programs = {"kube-apiserver": Path("/bin/kube-apiserver")}
    argv = components.api_server(programs, ADDRESSES, ClusterPaths.of("dev"), audit=False).argv
    assert argv[:3] == ("nsenter", "--net=/run/netns/slipway-dev", "--")
    assert "--authorization-mode=Node,RBAC" in argv
    assert "--enable-admission-plugins=NodeRestriction" in argv
    assert not [word for word in argv if "audit" in word]


def test_an_audit_leaves_out_the_control_planes_own_accounts() -> None:
    paths = ClusterPaths.of("dev")
    argv = components.api_server({"kube-apiserver": Path("/k")}, ADDRESSES, paths, audit=True).argv
    assert "--enable-admission-plugins=NodeRestriction,OwnerReferencesPermissionEnforcement" in argv
    assert argv[-2:] == (f"--audit-policy-file={paths.audit_policy}", f"--audit-log-path={paths.audit_log}")
    rules = yaml.safe_load(configs.audit_policy())["rules"]
    assert [(rule["level"], rule["userGroups"]) for rule in rules] == [
        ("None", ["system:serviceaccounts:kube-system"]),
        ("Metadata", ["system:serviceaccounts"]),
    ]


def test_volumes_are_bound_to_their_node() -> None:
    volumes = manifests.volumes("dev-1", FOLDER / "volumes")
    assert len({volume["metadata"]["name"] for volume in volumes}) == manifests.VOLUMES_PER_NODE
    assert len({volume["spec"]["local"]["path"] for volume in volumes}) == manifests.VOLUMES_PER_NODE
    for volume in volumes:
        term = volume["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"][0]
        assert term["matchExpressions"][0]["values"] == ["dev-1"]


def test_pip_configuration_keeps_the_machines_settings_and_adds_its_trust() -> None:
    text = pip_configuration(
        ["[global]\ncert = /other\ntimeout = 9\n", "[install]\nno-deps = yes\n"], Path("/certs"), "https://i"
    )
    assert "cert = /certs/ca-certificates.crt" in text
    assert "timeout = 9" in text
    assert "no-deps = yes" in text
    assert "index-url = https://i" in text
