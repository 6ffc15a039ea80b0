"""The suite's gRPC cases, in the environment that has grpcio."""

import subprocess
from pathlib import Path

import pytest
from tests.clients.environment import ROOT
from tests.conformance_server import offers_grpc
from tests.unit.runtime.serve.process import Served


@pytest.mark.skipif(not offers_grpc(), reason="this slipway-serve has no gRPC")
def test_slipway_passes_the_grpc_cases(
    python: Path, server: tuple[Served, str | None], environment: dict[str, str]
) -> None:
    served, address = server
    command = [str(python), "-m", "slipway_conformance", served.url, "--grpc", str(address)]
    command += ["--groups", "grpc", "--strict"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60, cwd=ROOT, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 failed" in done.stdout
    assert " 0 skipped" in done.stdout
