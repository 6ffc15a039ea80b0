"""A real ``slipway-serve`` with the suite's models, for every test that judges it from outside."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from slipway_conformance.models import NAMES, write_models
from tests.unit.runtime.serve.process import Served, free_port, started


@cache
def offers_grpc() -> bool:
    """Whether the program has an option for gRPC."""
    command = [sys.executable, "-c", "from slipway_runtime.serve.main import main; main()", "--help"]
    return "--grpc-port" in subprocess.run(command, check=True, capture_output=True, text=True).stdout


@contextmanager
def judged(directory: Path) -> Iterator[tuple[Served, str | None]]:
    """The process with every model of the suite, and its address of gRPC if it has one."""
    write_models(directory)
    arguments = [word for name in NAMES for word in ("--model", f"{name}={directory / name}.onnx")]
    address = None
    if offers_grpc():
        port = free_port()
        address = f"127.0.0.1:{port}"
        arguments += ["--grpc-port", str(port)]
    with started(directory, *arguments, "--admin") as served:
        served.wait_ready()
        yield served, address
