"""A real Kubernetes on one Linux machine, from packages alone: for the demo, the tests and anyone's laptop."""

from slipway_devcluster.cluster import Cluster, clusters
from slipway_devcluster.errors import CommandError, ComponentError, DevclusterError

__all__ = ["Cluster", "CommandError", "ComponentError", "DevclusterError", "clusters"]
