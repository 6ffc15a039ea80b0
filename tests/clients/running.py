"""Programs of the clients' environment, run against a server."""

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.clients.environment import ROOT
from tests.clients.matrix import FAMILIES
from tests.unit.runtime.serve.process import Served

_SECONDS = 120


def run(python: Path, arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run ``python`` where it finds this checkout."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "conformance")))}
    return subprocess.run(
        [str(python), *arguments],
        check=False,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        cwd=ROOT,
        env=environment,
    )


def matrix(python: Path, served: Served) -> list[dict[str, str]]:
    """Every cell of every client.

    Raises:
        AssertionError: a client's program did not come to its end.
    """
    cells: list[dict[str, str]] = []
    for family in FAMILIES:
        done = run(python, ["-m", "tests.clients.matrix", family, served.url, served.target])
        assert done.returncode == 0, done.stderr[-2000:]
        cells += json.loads(done.stdout.splitlines()[-1])
    return cells
