"""Every permission the operator uses, declared once: the chart's roles are generated from this table."""

from slipway_operator.api.grants import Grant, Scope
from slipway_operator.api.meta import GROUP
from slipway_operator.cluster.resources import APPLIED, DELETED, LEASES, OBSERVED, OWNERS
from slipway_operator.domain.planning import STORE_SECRET

ROOT_SECRET = "slipway-store-root"  # noqa: S105 - the Secret's name
LEASE_NAME = "slipway-operator"

_OWNED = tuple(Grant(resource.group, resource.plural, ("list", "watch")) for resource in OWNERS)
_STATUSES = tuple(Grant(resource.group, f"{resource.plural}/status", ("patch",)) for resource in OWNERS)
# `blockOwnerDeletion` of a child needs `update` on its owner's finalizers where the admission plugin
# OwnerReferencesPermissionEnforcement runs (OpenShift).
_FINALIZERS = tuple(Grant(GROUP, f"{resource.plural}/finalizers", ("update",)) for resource in OWNERS)
# An apply that creates needs `create` besides `patch`.
_APPLIED = tuple(
    Grant(
        resource.group,
        resource.plural,
        ("create", *(("delete",) if resource in DELETED else ()), "list", "patch", "watch"),
    )
    for resource in APPLIED
)
_OBSERVED = tuple(Grant(resource.group, resource.plural, ("list", "watch")) for resource in OBSERVED)

GRANTS: tuple[Grant, ...] = (
    *_OWNED,
    *_STATUSES,
    *_FINALIZERS,
    *_APPLIED,
    *_OBSERVED,
    Grant("", "events", ("list", "watch")),
    Grant("events.k8s.io", "events", ("create", "patch")),
    # `create` cannot be limited by name; nothing here can read a Secret of a user's namespace.
    Grant("", "secrets", ("create",)),
    Grant("", "secrets", ("patch",), names=(STORE_SECRET,)),
    Grant("", "secrets", ("create",), Scope.OWN),
    Grant("", "secrets", ("get",), Scope.OWN, names=(ROOT_SECRET,)),
    Grant(LEASES.group, LEASES.plural, ("create",), Scope.OWN),
    Grant(LEASES.group, LEASES.plural, ("get", "update"), Scope.OWN, names=(LEASE_NAME,)),
)

IMPLICIT = frozenset(_FINALIZERS)
"""Asked for by the API server on behalf of another request; no request of ours names them."""


def granted() -> frozenset[tuple[str, str, str]]:
    """Every (group, resource, verb) of the table."""
    return frozenset((grant.group, grant.resource, verb) for grant in GRANTS for verb in grant.verbs)
