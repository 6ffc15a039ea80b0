"""The real server as a child process."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

START_SECONDS = 60


class Served:
    """A running ``slipway-serve``."""

    def __init__(self, process: subprocess.Popen[str], port: int, grpc_port: int, log: Path) -> None:
        self.process = process
        self.port = port
        self.grpc_port = grpc_port
        self.url = f"http://127.0.0.1:{port}"
        self.target = f"127.0.0.1:{grpc_port}"
        self._log = log

    def wait_ready(self) -> None:
        """Wait for readiness; the end of the process or of patience is an error that shows its log."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            try:
                if httpx.get(f"{self.url}/v2/health/ready").status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.02)
        raise AssertionError(f"not ready: {self.log_text()}")

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def wait(self) -> int:
        return self.process.wait(START_SECONDS)

    def log_text(self) -> str:
        return self._log.read_text(encoding="utf-8")

    def log_lines(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.log_text().splitlines()]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def started(
    directory: Path,
    *arguments: str,
    env: dict[str, str] | None = None,
    port: int | None = None,
    grpc_port: int | None = None,
) -> Iterator[Served]:
    """Start the program; it is killed at the end if it still runs."""
    port = port or free_port()
    grpc_port = free_port() if grpc_port is None else grpc_port
    log = directory / "serve.log"
    command = [sys.executable, "-c", "from slipway_runtime.serve.main import main; main()", *arguments]
    command += ["--host", "127.0.0.1", "--http-port", str(port), "--grpc-port", str(grpc_port)]
    with (
        log.open("w") as stderr,
        subprocess.Popen(command, stderr=stderr, text=True, env={**os.environ, **(env or {})}) as process,
    ):
        try:
            yield Served(process, port, grpc_port, log)
        finally:
            if process.poll() is None:
                process.kill()
