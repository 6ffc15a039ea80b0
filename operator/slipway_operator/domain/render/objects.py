"""The frame of every manifest: identity, labels and owner reference."""

from collections.abc import Mapping
from typing import Any

from slipway_operator.api.meta import API_VERSION
from slipway_operator.domain.planning import RawObject

Manifest = dict[str, Any]

API_VERSIONS: Mapping[str, str] = {
    "Job": "batch/v1",
    "Service": "v1",
    "ServiceAccount": "v1",
    "Deployment": "apps/v1",
    "HorizontalPodAutoscaler": "autoscaling/v2",
    "PodDisruptionBudget": "policy/v1",
    "NetworkPolicy": "networking.k8s.io/v1",
}


def owned(kind: str, name: str, owner: RawObject, labels: Mapping[str, str], body: Mapping[str, Any]) -> Manifest:
    """A manifest of a child that is deleted with its owner."""
    return {
        "apiVersion": API_VERSIONS[kind],
        "kind": kind,
        "metadata": {
            "name": name,
            "namespace": owner.namespace,
            "labels": dict(labels),
            "ownerReferences": [
                {
                    "apiVersion": API_VERSION,
                    "kind": owner.kind,
                    "name": owner.name,
                    "uid": owner.uid,
                    "controller": True,
                    "blockOwnerDeletion": True,
                }
            ],
        },
        **body,
    }
