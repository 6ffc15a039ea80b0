"""One API server with the CRDs, and an operator that is exactly as powerful as the chart's."""

import os
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cluster.operator.identity import operator_kubeconfig

from slipway_devcluster import Cluster

ROOT = Path(__file__).resolve().parents[3]


@pytest.hookimpl
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.cluster)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    found = Cluster("operator-tests")
    # What an interrupted run left behind must not be seen by this one.
    found.down()
    try:
        found.up(control_plane_only=True)
        found.kubectl("apply", "--server-side", "-f", str(ROOT / "crds"))
        found.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")
        yield found
    finally:
        found.down()


@pytest.fixture
def own_namespace(cluster: Cluster) -> str:
    """The operator's own namespace, fresh: with it come a lease and a root key of its own."""
    name = f"slipway-{uuid.uuid4().hex[:8]}"
    cluster.kubectl("create", "namespace", name)
    return name


@pytest.fixture
def identity(cluster: Cluster, own_namespace: str, tmp_path: Path) -> Path:
    """A kubeconfig of a ServiceAccount that holds the declared permissions and no other."""
    return operator_kubeconfig(cluster, own_namespace, tmp_path)


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[str]:
    name = f"team-{uuid.uuid4().hex[:8]}"
    cluster.kubectl("create", "namespace", name)
    yield name
    cluster.kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Path]:
    """The operator's log; a test fails when a line of it is an error (a lost lease and a bug are)."""
    path = tmp_path / "operator.log"
    yield path
    lines = path.read_text().splitlines() if path.exists() else []
    errors = [line for line in lines if '"level":"error"' in line and "slipway_operator" in line]
    assert not errors, "\n".join(errors[:5])


@pytest.fixture
def gateway(cluster: Cluster, own_namespace: str, tmp_path: Path) -> Iterator["GatewayProcess"]:
    running = GatewayProcess(cluster.binary("versitygw"), own_namespace, tmp_path)
    yield running
    running.stop()


class GatewayProcess:
    """The embedded store's gateway; it starts when the root key is known, as its pod does."""

    def __init__(self, program: Path, namespace: str, folder: Path) -> None:
        from tests.bench.operator.process import free_port

        self.namespace = namespace
        self.port = free_port()
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self._program = program
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, access: str, secret: str) -> None:
        data, accounts = self._folder / "data", self._folder / "iam"
        for path in (data, accounts):
            path.mkdir(exist_ok=True)
        environment = {**os.environ, "ROOT_ACCESS_KEY_ID": access, "ROOT_SECRET_ACCESS_KEY": secret}
        with (self._folder / "gateway.log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    str(self._program),
                    "--port",
                    f"127.0.0.1:{self.port}",
                    "--iam-dir",
                    str(accounts),
                    "posix",
                    str(data),
                ],
                env=environment,
                stdout=log,
                stderr=log,
            )

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=10)
