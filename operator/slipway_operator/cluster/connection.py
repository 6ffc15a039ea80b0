"""How to reach the API server: in a pod its service account, elsewhere a kubeconfig."""

import os
from pathlib import Path
from typing import Any

from kubernetes.aio import client, config

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")


async def load_configuration(connections: int, kubeconfig: Path | None = None) -> Any:
    """A ``kubernetes.aio`` Configuration with that many pooled connections.

    Args:
        connections: size of the pool.
        kubeconfig: used in place of the pod's service account and of ``KUBECONFIG``.

    Raises:
        kubernetes.aio.config.ConfigException: neither a kubeconfig nor a service account is usable.
    """
    configuration = client.Configuration()
    if kubeconfig is None and in_cluster():
        config.load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
    else:
        # The client reads the variable once, when it is imported; a program may set it later.
        path = str(kubeconfig) if kubeconfig else os.environ.get("KUBECONFIG") or None
        await config.load_kube_config(config_file=path, client_configuration=configuration)  # type: ignore[no-untyped-call]
    configuration.connection_pool_maxsize = connections
    # With the environment trusted, aiohttp looks for proxies and a netrc file in a thread, twice for every request.
    configuration.client_session_kwargs = {"trust_env": False}
    return configuration


def in_cluster() -> bool:
    """Whether this process runs in a pod, with no kubeconfig given."""
    return SERVICE_ACCOUNT.exists() and not os.environ.get("KUBECONFIG")
