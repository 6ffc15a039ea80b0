"""Single measurements: processes are started, asked and ended here; CPU time is read from /proc."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PATIENCE_SECONDS = 60
WARM_UP_REQUESTS = 500
_BARE = """
import sys, time, numpy, onnxruntime
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
row = {"input": numpy.zeros((1, 64), numpy.float32)}
runs = int(sys.argv[2])
start = time.process_time()
for _ in range(runs):
    session.run(None, row)
print((time.process_time() - start) / runs * 1e6)
"""


@dataclass(frozen=True)
class Load:
    """What a server spent under load."""

    cpu_microseconds: float
    rate: float
    failed: int


def start_seconds(command: list[str]) -> tuple[float, float]:
    """Seconds from starting the process to the first 200 of readiness, and its resident megabytes then."""
    with running(command) as server:
        return server.seconds, _resident_megabytes(server.pid)


def import_seconds(model: Path) -> float:
    """Seconds of a process that only imports onnxruntime, loads the model and runs it once."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", _BARE, str(model), "1"], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def bare_inference(model: Path) -> float:
    """CPU microseconds of one ``session.run`` with one row, without any server."""
    result = subprocess.run(
        [sys.executable, "-c", _BARE, str(model), "20000"], check=True, capture_output=True, text=True
    )
    return float(result.stdout)


def under_load(command: list[str], path: str, bodies: list[bytes], requests: int, connections: int) -> Load:
    """CPU per request of a fresh server, after a warm-up, with the load coming from another process."""
    with running(command) as server:
        asking = ["load", "--port", str(server.port), "--path", path, "--connections", str(connections)]
        return _measured(server, asking, b"\n".join(bodies), requests)


def under_grpc_load(command: list[str], requests: int, in_flight: int) -> Load:
    """The same over gRPC, on one connection."""
    with running(command) as server:
        asking = ["grpc_load", "--port", str(server.grpc_port), "--in-flight", str(in_flight)]
        return _measured(server, asking, b"", requests)


def _measured(server: "Running", asking: list[str], content: bytes, requests: int) -> Load:
    _ask(asking, content, WARM_UP_REQUESTS)
    before = _cpu_seconds(server.pid)
    seconds, failed = _ask(asking, content, requests)
    return Load((_cpu_seconds(server.pid) - before) / requests * 1e6, requests / seconds, failed)


def _ask(asking: list[str], content: bytes, requests: int) -> tuple[float, int]:
    program, *options = asking
    command = [sys.executable, "-m", f"tests.bench.serving.{program}", *options, "--requests", str(requests)]
    result = subprocess.run(command, input=content, check=True, capture_output=True)
    seconds, failed = result.stdout.split()
    return float(seconds), int(failed)


@dataclass(frozen=True)
class Running:
    """A server process."""

    port: int
    grpc_port: int
    pid: int
    seconds: float
    """From its start to its readiness."""


@contextmanager
def running(command: list[str]) -> Iterator[Running]:
    """A server that is ready; it is killed at the end."""
    port, grpc_port = _free_ports()
    start = time.perf_counter()
    full = [*command, "--host", "127.0.0.1", "--http-port", str(port), "--grpc-port", str(grpc_port)]
    with subprocess.Popen(full, stderr=subprocess.DEVNULL) as process:
        try:
            _wait_ready(port, process)
            yield Running(port, grpc_port, process.pid, time.perf_counter() - start)
        finally:
            process.kill()


def _free_ports() -> tuple[int, int]:
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        return one.getsockname()[1], other.getsockname()[1]


def _wait_ready(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/v2/health/ready", timeout=5):
                return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.01)
    raise RuntimeError(f"{process.args!r} did not become ready")


def _cpu_seconds(pid: int) -> float:
    # Fields 14 and 15, counted after the command's closing parenthesis: user and system time in clock ticks.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _resident_megabytes(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024
