"""A kubeconfig with exactly the declared permissions."""

import json
from pathlib import Path
from typing import Any

import yaml

from slipway_devcluster import Cluster
from slipway_operator.api.grants import Grant, Scope
from slipway_operator.cluster.verbs import GRANTS

ACCOUNT = "slipway"


def operator_kubeconfig(cluster: Cluster, namespace: str, folder: Path) -> Path:
    """A ServiceAccount in ``namespace``, bound to roles made of the table; the kubeconfig that uses its token."""
    wide = [grant for grant in GRANTS if grant.scope is not Scope.OWN]
    own = [grant for grant in GRANTS if grant.scope is Scope.OWN]
    objects = [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": ACCOUNT, "namespace": namespace}},
        _role("ClusterRole", namespace, None, wide),
        _binding("ClusterRole", namespace, None, namespace),
        _role("Role", namespace, namespace, own),
        _binding("Role", namespace, namespace, namespace),
    ]
    cluster.kubectl("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))
    token = cluster.kubectl("-n", namespace, "create", "token", ACCOUNT, "--duration=2h").strip()
    config: dict[str, Any] = yaml.safe_load(cluster.kubeconfig.read_text())
    config["users"] = [{"name": ACCOUNT, "user": {"token": token}}]
    for context in config["contexts"]:
        context["context"]["user"] = ACCOUNT
    path = folder / "operator.kubeconfig"
    path.write_text(yaml.safe_dump(config))
    return path


def _role(kind: str, name: str, namespace: str | None, grants: list[Grant]) -> dict[str, Any]:
    rules = [
        {"apiGroups": [grant.group], "resources": [grant.resource], "verbs": list(grant.verbs)}
        | ({"resourceNames": list(grant.names)} if grant.names else {})
        for grant in grants
    ]
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": kind,
        "metadata": {"name": name} | ({"namespace": namespace} if namespace else {}),
        "rules": rules,
    }


def _binding(kind: str, name: str, namespace: str | None, account_namespace: str) -> dict[str, Any]:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": f"{kind}Binding",
        "metadata": {"name": name} | ({"namespace": namespace} if namespace else {}),
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name},
        "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": account_namespace}],
    }
