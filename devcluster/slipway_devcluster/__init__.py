"""A real Kubernetes on one Linux machine, from packages alone: for the demo, the tests and anyone's laptop."""

from slipway_devcluster.cluster import Cluster
from slipway_devcluster.errors import CommandError, ComponentError, DevclusterError
from slipway_devcluster.lifecycle import clusters

__all__ = ["Cluster", "CommandError", "ComponentError", "DevclusterError", "clusters"]
