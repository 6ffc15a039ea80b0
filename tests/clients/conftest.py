from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.clients.environment import clients_python
from tests.clients.running import matrix
from tests.conformance_server import judged
from tests.unit.runtime.serve.process import Served


@pytest.fixture(scope="session")
def python() -> Path:
    """The interpreter that has the real clients."""
    return clients_python()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The real process."""
    with judged(tmp_path_factory.mktemp("judged")) as served:
        yield served


@pytest.fixture(scope="session")
def cells(python: Path, server: Served) -> list[dict[str, str]]:
    """Every cell of the matrix, done once."""
    return matrix(python, server)
