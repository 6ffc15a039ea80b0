"""A real S3 gateway on loopback for tests of the store: versitygw over a temporary directory."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ACCESS_KEY = "gateway-root"
SECRET_KEY = "gateway-root-secret"
REGION = "us-east-1"


@dataclass(frozen=True)
class Gateway:
    """A running gateway; every directory below ``data`` is a bucket, every file in it an object."""

    endpoint: str
    data: Path
    scratch: Path

    def bucket(self, name: str) -> Path:
        """Make a bucket, empty, and return its directory."""
        path = self.data / name
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir()
        return path

    def credentials(self, uri: str, *, secret: str = SECRET_KEY, access: str = ACCESS_KEY, endpoint: str = "") -> Path:
        """A directory of mounted credentials for a store."""
        values = {
            "uri": uri,
            "endpoint": endpoint or self.endpoint,
            "region": REGION,
            "accessKeyId": access,
            "secretAccessKey": secret,
        }
        self.scratch.mkdir(exist_ok=True)
        directory = self.scratch / f"credentials-{len(list(self.scratch.iterdir()))}"
        directory.mkdir()
        for key, value in values.items():
            (directory / key).write_text(value + "\n")
        return directory


def gateway_binary() -> Path:
    """``$SLIPWAY_VERSITYGW``, else the one the cluster program builds and keeps."""
    if chosen := os.environ.get("SLIPWAY_VERSITYGW"):
        return Path(chosen)
    from slipway_devcluster.binaries import binary_paths

    return binary_paths(("versitygw",))["versitygw"]


def start_gateway(binary: Path, root: Path) -> tuple[Gateway, "subprocess.Popen[bytes]"]:
    """Start a gateway on a free loopback port and wait until it listens."""
    data, accounts = root / "data", root / "accounts"
    data.mkdir(parents=True)
    accounts.mkdir()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = (root / "gateway.log").open("wb")
    process = subprocess.Popen(
        [binary, "--port", f"127.0.0.1:{port}", "--iam-dir", accounts, "posix", data],
        env={"ROOT_ACCESS_KEY": ACCESS_KEY, "ROOT_SECRET_KEY": SECRET_KEY},
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    log.close()
    for _ in range(600):
        if process.poll() is not None:
            break
        with socket.socket() as attempt:
            if attempt.connect_ex(("127.0.0.1", port)) == 0:
                return Gateway(f"http://127.0.0.1:{port}", data, root / "scratch"), process
        time.sleep(0.05)
    process.kill()
    process.wait()
    raise RuntimeError("the gateway does not listen: " + (root / "gateway.log").read_text()[-500:])


@pytest.fixture(scope="session")
def store_gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    gateway, process = start_gateway(gateway_binary(), tmp_path_factory.mktemp("gateway"))
    yield gateway
    process.kill()
    process.wait()
