"""A real ``slipway-serve`` with the suite's models, for every test that judges it from outside."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from slipway_conformance.models import NAMES, write_models
from tests.unit.runtime.serve.process import Served, started


@contextmanager
def judged(directory: Path) -> Iterator[Served]:
    """The process with every model of the suite, over REST and gRPC."""
    write_models(directory)
    arguments = [word for name in NAMES for word in ("--model", f"{name}={directory / name}.onnx")]
    with started(directory, *arguments, "--admin") as served:
        served.wait_ready()
        yield served
