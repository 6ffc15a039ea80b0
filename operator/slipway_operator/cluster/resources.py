"""The resources that the operator knows, and their paths."""

from dataclasses import dataclass

from slipway_operator.api.meta import GROUP, VERSION


@dataclass(frozen=True)
class Resource:
    """One resource of the API server."""

    group: str
    version: str
    plural: str
    kind: str

    @property
    def api_version(self) -> str:
        """As in a manifest: ``apps/v1``, ``v1``."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def root(self) -> str:
        """Path of the group and version."""
        return f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"

    def path(self, namespace: str | None = None, name: str | None = None, subresource: str | None = None) -> str:
        """Path of a collection (no name), an object, or its subresource."""
        parts = [self.root]
        if namespace:
            parts.append(f"namespaces/{namespace}")
        parts.append(self.plural)
        parts += [part for part in (name, subresource) if part]
        return "/".join(parts)


TRAINING_JOBS = Resource(GROUP, VERSION, "trainingjobs", "TrainingJob")
COMPRESSION_JOBS = Resource(GROUP, VERSION, "compressionjobs", "CompressionJob")
MODEL_SERVICES = Resource(GROUP, VERSION, "modelservices", "ModelService")
JOBS = Resource("batch", "v1", "jobs", "Job")
PODS = Resource("", "v1", "pods", "Pod")
SERVICES = Resource("", "v1", "services", "Service")
SERVICE_ACCOUNTS = Resource("", "v1", "serviceaccounts", "ServiceAccount")
SECRETS = Resource("", "v1", "secrets", "Secret")
WARNING_EVENTS = Resource("", "v1", "events", "Event")
DEPLOYMENTS = Resource("apps", "v1", "deployments", "Deployment")
REPLICA_SETS = Resource("apps", "v1", "replicasets", "ReplicaSet")
DISRUPTION_BUDGETS = Resource("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget")
NETWORK_POLICIES = Resource("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy")
AUTOSCALERS = Resource("autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler")
EVENTS = Resource("events.k8s.io", "v1", "events", "Event")
LEASES = Resource("coordination.k8s.io", "v1", "leases", "Lease")

OWNERS = (TRAINING_JOBS, COMPRESSION_JOBS, MODEL_SERVICES)
APPLIED = (JOBS, SERVICES, SERVICE_ACCOUNTS, DEPLOYMENTS, DISRUPTION_BUDGETS, NETWORK_POLICIES, AUTOSCALERS)
"""Kinds that plans apply."""
DELETED = (JOBS, SERVICES, NETWORK_POLICIES, AUTOSCALERS)
"""Kinds that plans delete: what a run leaves, and what is asked for no more. The others go with their owner, by garbage
collection."""
OBSERVED = (PODS, REPLICA_SETS)
"""Kinds that other controllers make for ours."""
CHILDREN = APPLIED + OBSERVED
CACHED = OWNERS + CHILDREN

CHILD_SELECTOR = "app.kubernetes.io/managed-by=slipway"


def of_kind(kind: str) -> Resource:
    """The resource of a kind that is cached.

    Raises:
        KeyError: the operator knows no such kind.
    """
    for resource in CACHED:
        if resource.kind == kind:
            return resource
    raise KeyError(f"kind {kind!r} is not one the operator works with: {', '.join(one.kind for one in CACHED)}")
