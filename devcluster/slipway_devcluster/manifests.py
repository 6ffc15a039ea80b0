"""Kubernetes objects every cluster starts with."""

from pathlib import Path
from typing import Any

import yaml

from slipway_devcluster.addressing import Addresses

STORAGE_CLASS = "slipway-local"
VOLUMES_PER_NODE = 16
_RBAC = "rbac.authorization.k8s.io"


def administrators() -> list[dict[str, Any]]:
    """Gives admin.conf its rights, as kubeadm does."""
    return [
        {
            "apiVersion": f"{_RBAC}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": "kubeadm:cluster-admins"},
            "roleRef": {"apiGroup": _RBAC, "kind": "ClusterRole", "name": "cluster-admin"},
            "subjects": [{"apiGroup": _RBAC, "kind": "Group", "name": "kubeadm:cluster-admins"}],
        },
    ]


def dns(addresses: Addresses) -> list[dict[str, Any]]:
    """What CoreDNS may read, and the Service kube-dns in front of it (no selector: it is no pod)."""
    ports = [
        {"name": "dns", "port": 53, "protocol": "UDP"},
        {"name": "dns-tcp", "port": 53, "protocol": "TCP"},
    ]
    return [
        {
            "apiVersion": f"{_RBAC}/v1",
            "kind": "ClusterRole",
            "metadata": {"name": "system:coredns"},
            "rules": [
                {"apiGroups": [""], "resources": ["services", "pods", "namespaces"], "verbs": ["list", "watch"]},
                {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list", "watch"]},
            ],
        },
        {
            "apiVersion": f"{_RBAC}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": "system:coredns"},
            "roleRef": {"apiGroup": _RBAC, "kind": "ClusterRole", "name": "system:coredns"},
            "subjects": [{"apiGroup": _RBAC, "kind": "User", "name": "system:coredns"}],
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "kube-dns", "namespace": "kube-system", "labels": {"k8s-app": "kube-dns"}},
            "spec": {"clusterIP": str(addresses.dns), "ports": ports},
        },
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {
                "name": "kube-dns",
                "namespace": "kube-system",
                "labels": {"kubernetes.io/service-name": "kube-dns"},
            },
            "addressType": "IPv4",
            "ports": ports,
            "endpoints": [{"addresses": [str(addresses.control_plane)], "conditions": {"ready": True}}],
        },
    ]


def storage_class() -> list[dict[str, Any]]:
    """The default class; a claim is bound when its pod is scheduled, to a volume of that pod's node."""
    return [
        {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "metadata": {
                "name": STORAGE_CLASS,
                "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
            },
            "provisioner": "kubernetes.io/no-provisioner",
            "reclaimPolicy": "Retain",
            "volumeBindingMode": "WaitForFirstConsumer",
        },
    ]


def volumes(node: str, folder: Path) -> list[dict[str, Any]]:
    """Volumes in the node's folder. `local`, not `hostPath`: the kubelet applies a pod's fsGroup to these."""
    return [
        {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": f"{node}-{number}"},
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "capacity": {"storage": "20Gi"},
                "local": {"path": str(folder / str(number))},
                "nodeAffinity": {
                    "required": {
                        "nodeSelectorTerms": [
                            {
                                "matchExpressions": [
                                    {"key": "kubernetes.io/hostname", "operator": "In", "values": [node]},
                                ],
                            },
                        ],
                    },
                },
                "persistentVolumeReclaimPolicy": "Retain",
                "storageClassName": STORAGE_CLASS,
            },
        }
        for number in range(VOLUMES_PER_NODE)
    ]


def as_yaml(objects: list[dict[str, Any]]) -> str:
    """One YAML stream of all objects."""
    return yaml.safe_dump_all(objects, sort_keys=False)
