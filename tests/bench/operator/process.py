"""The operator as a process of its own, beside an API server."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Self


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


class OperatorProcess:
    """``slipway-operator run`` against a kubeconfig; its log goes to a file.

    Args:
        kubeconfig: whose identity it has.
        log: where its lines go (appended).
        store_endpoint: the embedded store's gateway; without one the install has an external store that needs no key.
        extra: further settings by name, without prefix.
    """

    def __init__(
        self, kubeconfig: Path, log: Path, *, store_endpoint: str | None = None, extra: dict[str, str] | None = None
    ) -> None:
        self._kubeconfig = kubeconfig
        self._log = log
        self.port = free_port()
        store = (
            {"STORE_MODE": "embedded", "STORE_ENDPOINT": store_endpoint}
            if store_endpoint
            else {"STORE_MODE": "external", "STORE_URI": "s3://models/", "STORE_ROOT_SECRET": ""}
        )
        self._settings = {"TRAIN_IMAGE": "train:1", "SERVE_IMAGE": "serve:1", "HTTP_PORT": str(self.port), **store}
        self._settings |= extra or {}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        """Start it, without waiting."""
        environment = {**os.environ, "KUBECONFIG": str(self._kubeconfig)}
        environment |= {f"SLIPWAY_OPERATOR_{name}": value for name, value in self._settings.items()}
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "slipway_operator.main", "run"], env=environment, stdout=log, stderr=log
            )
        return self

    __enter__ = start

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """Its process id."""
        if self._process is None:
            raise RuntimeError("the operator was not started")
        return self._process.pid

    def kill(self) -> None:
        """Kill -9."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stop(self) -> int:
        """SIGTERM; its exit code."""
        if self._process is None:
            return 0
        self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(timeout=40)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def rss_mb(self, field: str = "VmRSS") -> float:
        """Resident memory; ``VmHWM`` is its peak."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(field):
                return int(line.split()[1]) / 1024
        raise RuntimeError(f"no {field} in /proc/{self.pid}/status")

    def cpu_seconds(self) -> float:
        """Processor time used so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def get(self, path: str) -> str:
        """What a path of its HTTP port answers."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
            return str(answer.read().decode())

    def wait_leading(self, timeout: float = 90.0) -> None:
        """Wait until it leads."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            try:
                if "\nslipway_leader 1.0" in self.get("/metrics"):
                    return
            except OSError:
                pass
            time.sleep(0.2)
        raise TimeoutError(f"the operator did not lead within {timeout:.0f} s; see {self._log}")

    def requests(self) -> dict[tuple[str, str, str, str], int]:
        """Requests so far by (verb, group, resource, code)."""
        found: dict[tuple[str, str, str, str], int] = {}
        for line in self.get("/metrics").splitlines():
            if line.startswith("slipway_api_requests_total{"):
                labels, _, value = line[len("slipway_api_requests_total{") :].partition("} ")
                pairs = dict(pair.split("=", 1) for pair in labels.replace('"', "").split(","))
                found[pairs["verb"], pairs["group"], pairs["resource"], pairs["code"]] = int(float(value))
        return found

    def writes(self) -> int:
        """Requests so far that write, without the lease's."""
        return sum(
            number
            for (verb, _, resource, _), number in self.requests().items()
            if verb in {"create", "patch", "update", "delete"} and resource != "leases"
        )
