"""What an identity really asked of the API server, from the API server's own log."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from tests.cluster.operator.identity import ACCOUNT, Identity

from slipway_devcluster import Cluster
from slipway_operator.api.grants import Grant, Scope

CREATED = 201
DISCOVERY = ("/api", "/apis", "/version", "/openapi")
"""Paths that every account may read."""


@dataclass(frozen=True)
class Request:
    """One request for a resource."""

    verb: str
    group: str
    resource: str
    """Plural, with its subresource."""
    namespace: str
    name: str
    code: int
    allowed: bool
    """Whether the authorizer let it pass; admission may still have refused it."""

    @property
    def verbs(self) -> tuple[str, ...]:
        """The permissions it took: an apply that creates takes two."""
        return (self.verb, "create") if self.verb == "patch" and self.code == CREATED else (self.verb,)

    def __str__(self) -> str:
        where = f" in {self.namespace}" if self.namespace else ""
        return f"{self.verb} {self.resource}.{self.group} {self.name}{where}: {self.code}"


@dataclass(frozen=True)
class Log:
    """All that one identity asked."""

    requests: tuple[Request, ...]
    paths: frozenset[str]
    """Paths that are no resource, such as discovery."""


def asked(cluster: Cluster, namespace: str) -> Log:
    """What the ServiceAccount of an operator's namespace has asked so far, in order."""
    user = f"system:serviceaccount:{namespace}:{ACCOUNT}"
    lines = cluster.paths.audit_log.read_text().splitlines() if cluster.paths.audit_log.exists() else []
    # The last line may be half written.
    events = [json.loads(line) for line in lines if user in line and line.endswith("}")]
    own = [event for event in events if event["user"]["username"] == user]
    return Log(
        tuple(_request(event) for event in own if event.get("objectRef")),
        frozenset(event["requestURI"].partition("?")[0] for event in own if not event.get("objectRef")),
    )


def _request(event: dict[str, Any]) -> Request:
    about = event["objectRef"]
    return Request(
        verb=event["verb"],
        group=about.get("apiGroup", ""),
        resource="/".join(part for part in (about["resource"], about.get("subresource")) if part),
        namespace=about.get("namespace", ""),
        name=about.get("name", ""),
        code=event.get("responseStatus", {}).get("code", 0),
        allowed=event.get("annotations", {}).get("authorization.k8s.io/decision") == "allow",
    )


@dataclass(frozen=True)
class Verdict:
    """What identities did with what they hold."""

    unused: frozenset[Grant]
    """Permissions (one verb each) that none of them took."""
    beyond: frozenset[str]
    """What they asked for without holding it."""


def judge(cluster: Cluster, identities: Iterable[Identity]) -> Verdict:
    """Compare all that was asked for with what was granted."""
    held: set[Grant] = set()
    took: set[Grant] = set()
    beyond: set[str] = set()
    for identity in identities:
        own = permissions(identity.grants)
        held |= own
        log = asked(cluster, identity.namespace)
        beyond |= {path for path in log.paths if not path.startswith(DISCOVERY)}
        for request in log.requests:
            found = used(request, own, identity.namespace)
            took |= found
            if not request.allowed or len(found) < len(request.verbs):
                beyond.add(str(request))
    return Verdict(frozenset(held - took), frozenset(beyond))


def permissions(grants: Iterable[Grant]) -> frozenset[Grant]:
    """The grants, taken apart into one for each verb."""
    return frozenset(replace(grant, verbs=(verb,)) for grant in grants for verb in grant.verbs)


def used(request: Request, held: Iterable[Grant], own_namespace: str) -> set[Grant]:
    """The permissions that a request took, of those that are held: for each verb the narrowest that covers it."""
    found = set()
    for verb in request.verbs:
        covering = [one for one in held if one.verbs == (verb,) and _covers(one, request, own_namespace)]
        if covering:
            found.add(min(covering, key=lambda one: (one.scope is not Scope.OWN, not one.names)))
    return found


def _covers(grant: Grant, request: Request, own_namespace: str) -> bool:
    return (
        (grant.group, grant.resource) == (request.group, request.resource)
        and (not grant.names or request.name in grant.names)
        and (grant.scope is not Scope.OWN or request.namespace == own_namespace)
    )
