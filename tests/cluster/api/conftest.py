"""One API server with the project's CRDs for all tests of this folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cluster.api.server import Server

from slipway_devcluster import Cluster

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    found = Cluster("api-tests")
    # What an interrupted run left behind must not be seen by this one.
    found.down()
    try:
        found.up(control_plane_only=True)
        found.kubectl("apply", "--server-side", "-f", str(ROOT / "crds"))
        found.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")
        yield found
    finally:
        found.down()


@pytest.fixture(scope="module")
def server(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    found = Server.connect(cluster.kubeconfig, tmp_path_factory.mktemp("certificates"))
    yield found
    found.client.close()
