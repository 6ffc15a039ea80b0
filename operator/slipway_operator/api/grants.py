"""How a permission of the operator is declared; the chart's roles are generated from such declarations."""

from dataclasses import dataclass
from enum import StrEnum


class Scope(StrEnum):
    """Where a permission holds."""

    CLUSTER = "cluster"
    """On objects that have no namespace."""
    WATCHED = "watched"
    """In every namespace, or in those of ``watchNamespaces`` where values name some."""
    OWN = "own"
    """In the operator's own namespace."""


@dataclass(frozen=True, order=True)
class Grant:
    """Verbs on one resource."""

    group: str
    """API group; empty for the core group."""
    resource: str
    """Plural, with its subresource: ``pods``, ``trainingjobs/status``."""
    verbs: tuple[str, ...]
    scope: Scope = Scope.WATCHED
    names: tuple[str, ...] = ()
    """Only objects of these names; every one when empty (``create``, ``list`` and ``watch`` cannot be limited so)."""
