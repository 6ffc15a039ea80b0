"""Who may talk to an object's pods, and to whom they may talk."""

import re
from typing import Any
from urllib.parse import urlsplit

from slipway_operator.domain import naming
from slipway_operator.domain.planning import Kind, Settings, Snapshot
from slipway_operator.domain.render.objects import Manifest, owned
from slipway_operator.domain.render.pods import strings
from slipway_operator.domain.render.serving import GRPC_PORT, HTTP_PORT
from slipway_runtime.spec.progress import PROGRESS_PORT

NAMESPACE_LABEL = "kubernetes.io/metadata.name"
COMPONENT_LABEL = "app.kubernetes.io/component"
DNS_PORT = 53

_WEB = {"http": 80, "https": 443}
_ANYWHERE = [{"ipBlock": {"cidr": "0.0.0.0/0"}}, {"ipBlock": {"cidr": "::/0"}}]


def network_policy(snapshot: Snapshot, settings: Settings, *specs: Any) -> Manifest:
    """The NetworkPolicy of an object.

    In: ranks of the same job and the operator's polls, or requests to a served model. Out: the same ranks, names, the
    model store, and the places that the specs name by URI.
    """
    key = snapshot.key
    same = {"podSelector": {"matchLabels": naming.selector(key)}}
    if key.kind is Kind.MODEL_SERVICE:
        ingress = [{"ports": [_tcp(HTTP_PORT), _tcp(GRPC_PORT)]}]
        egress: list[Manifest] = []
    else:
        operator = _component(settings, "operator")
        ingress = [{"from": [same]}, {"from": [operator], "ports": [_tcp(PROGRESS_PORT)]}]
        egress = [{"to": [same]}]
    store = [_component(settings, "store"), *({"ipBlock": {"cidr": one}} for one in settings.store_network_cidrs)]
    egress += [
        {"ports": [{"port": DNS_PORT, "protocol": "UDP"}, _tcp(DNS_PORT)]},
        {"to": store},
        *_places(specs),
    ]
    body = {
        "spec": {
            "podSelector": {"matchLabels": naming.selector(key)},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": ingress,
            "egress": egress,
        }
    }
    return owned("NetworkPolicy", naming.network_policy_name(key), snapshot.owner, naming.labels(key), body)


def _component(settings: Settings, component: str) -> Manifest:
    return {
        "namespaceSelector": {"matchLabels": {NAMESPACE_LABEL: settings.operator_namespace}},
        "podSelector": {"matchLabels": {COMPONENT_LABEL: component}},
    }


def _tcp(port: int) -> Manifest:
    return {"port": port, "protocol": "TCP"}


def _places(specs: tuple[Any, ...]) -> list[Manifest]:
    """Egress to what the specs name: the port of each web URI; every TCP port where a Secret holds the endpoint."""
    found = list(strings(specs))
    if any(key == "secretName" for key, _ in found):
        return [{"to": _ANYWHERE, "ports": [{"port": 1, "endPort": 65535, "protocol": "TCP"}]}]
    uris = [value for key, value in found if key == "uri" and re.match(r"^https?://", value)]
    ports = sorted({_port(uri) for uri in uris})
    return [{"to": _ANYWHERE, "ports": [_tcp(port) for port in ports]}] if ports else []


def _port(uri: str) -> int:
    parts = urlsplit(uri)
    try:
        return parts.port or _WEB[parts.scheme]
    except ValueError:
        return _WEB[parts.scheme]
