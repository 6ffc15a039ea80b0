"""One API server with the CRDs, and an operator that is exactly as powerful as the chart's."""

import os
import subprocess
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.cluster.operator.audit import judge
from tests.cluster.operator.identity import Identity

from slipway_devcluster import Cluster

ROOT = Path(__file__).resolve().parents[3]


@pytest.hookimpl
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.cluster)


@pytest.fixture(scope="module")
def identities() -> list[Identity]:
    """All identities that operators of the module have had so far."""
    return []


@pytest.fixture(scope="module")
def cluster(identities: list[Identity]) -> Iterator[Cluster]:
    """At the end it judges the whole module: no operator asked for anything that the table does not grant."""
    found = Cluster(os.environ.get("SLIPWAY_OPERATOR_CLUSTER", "operator-tests"))
    # What an interrupted run left behind must not be seen by this one.
    found.down()
    try:
        found.up(control_plane_only=True, audit=True)
        found.kubectl("apply", "--server-side", "-f", str(ROOT / "crds"))
        found.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")
        yield found
        assert not judge(found, identities).beyond
    finally:
        found.down()


@pytest.fixture
def own_namespace(cluster: Cluster) -> str:
    """The operator's own namespace, fresh: with it come a lease and a root key of its own."""
    name = f"slipway-{uuid.uuid4().hex[:8]}"
    cluster.kubectl("create", "namespace", name)
    return name


Become = Callable[[Identity], Path]


@pytest.fixture
def become(cluster: Cluster, identities: list[Identity], tmp_path: Path) -> Become:
    """Make an identity; its kubeconfig."""

    def made(identity: Identity) -> Path:
        identities.append(identity)
        return identity.kubeconfig(cluster, tmp_path)

    return made


@pytest.fixture
def identity(become: Become, own_namespace: str) -> Path:
    """A kubeconfig of a ServiceAccount that holds the declared permissions and no other."""
    return become(Identity(own_namespace))


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
