"""A kubeconfig with exactly the declared permissions."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from slipway_devcluster import Cluster
from slipway_operator.api.grants import Grant, Scope
from slipway_operator.cluster.verbs import GRANTS

ACCOUNT = "slipway"


@dataclass(frozen=True)
class Identity:
    """A ServiceAccount with roles made of grants, as the chart makes them.

    Args:
        namespace: the operator's own.
        grants: what it may do.
        watched: the watched namespaces; every one when empty.
    """

    namespace: str
    grants: tuple[Grant, ...] = GRANTS
    watched: tuple[str, ...] = ()

    def kubeconfig(self, cluster: Cluster, folder: Path) -> Path:
        """Make account and roles; the kubeconfig that uses the account's token."""
        account = {"name": ACCOUNT, "namespace": self.namespace}
        objects: list[dict[str, Any]] = [{"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account}]
        wide = [grant for grant in self.grants if grant.scope is not Scope.OWN]
        for namespace in self.watched or (None,):
            objects += self._bound(f"{self.namespace}-watched", namespace, wide)
        own = [grant for grant in self.grants if grant.scope is Scope.OWN]
        objects += self._bound(f"{self.namespace}-own", self.namespace, own)
        cluster.kubectl("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))
        token = cluster.kubectl("-n", self.namespace, "create", "token", ACCOUNT, "--duration=2h").strip()
        config: dict[str, Any] = yaml.safe_load(cluster.kubeconfig.read_text())
        config["users"] = [{"name": ACCOUNT, "user": {"token": token}}]
        for context in config["contexts"]:
            context["context"]["user"] = ACCOUNT
        path = folder / f"{self.namespace}.kubeconfig"
        path.write_text(yaml.safe_dump(config))
        return path

    def _bound(self, name: str, namespace: str | None, grants: Iterable[Grant]) -> list[dict[str, Any]]:
        """A role and its binding; for the whole cluster without a namespace."""
        kind = "Role" if namespace else "ClusterRole"
        api = "rbac.authorization.k8s.io"
        metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
        rules = [
            {"apiGroups": [grant.group], "resources": [grant.resource], "verbs": list(grant.verbs)}
            | ({"resourceNames": list(grant.names)} if grant.names else {})
            for grant in grants
        ]
        return [
            {"apiVersion": f"{api}/v1", "kind": kind, "metadata": metadata, "rules": rules},
            {
                "apiVersion": f"{api}/v1",
                "kind": f"{kind}Binding",
                "metadata": metadata,
                "roleRef": {"apiGroup": api, "kind": kind, "name": name},
                "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": self.namespace}],
            },
        ]
