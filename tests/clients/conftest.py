import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.clients.environment import ROOT, clients_python
from tests.conformance_server import judged
from tests.unit.runtime.serve.process import Served

_SECONDS = 120


@pytest.fixture(scope="session")
def python() -> Path:
    """The interpreter that has the real clients."""
    return clients_python()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, str | None]]:
    """The real process, and its address of gRPC if it has one."""
    with judged(tmp_path_factory.mktemp("judged")) as found:
        yield found


@pytest.fixture(scope="session")
def environment() -> dict[str, str]:
    """What a program of the clients' interpreter needs to find this checkout."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "conformance")))}


@pytest.fixture(scope="session")
def cells(python: Path, server: tuple[Served, str | None], environment: dict[str, str]) -> list[dict[str, str]]:
    """Every cell of the matrix, done once."""
    served, address = server
    command = [str(python), "-m", "tests.clients.matrix", served.url, *([address] if address else [])]
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=_SECONDS, cwd=ROOT, env=environment
    )
    assert done.returncode == 0, done.stderr
    found: list[dict[str, str]] = json.loads(done.stdout.splitlines()[-1])
    return found
