"""The clients' environment: they pin so much that they cannot live beside the project's own dependencies."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOCK = ROOT / "requirements" / "clients.txt"
_INSTALL_SECONDS = 600


def clients_python() -> Path:
    """The interpreter of the environment, which is built when there is none of this lock yet.

    Raises:
        subprocess.CalledProcessError: a package could not be had.
    """
    digest = hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]
    cache = Path(os.environ.get("SLIPWAY_CACHE") or Path.home() / ".cache" / "slipway")
    venv = cache / f"venv-clients-{digest}"
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / f"{venv.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        # The marker is written last, so a half-built environment is built again.
        if not (venv / ".ready").exists():
            _build(venv)
            (venv / ".ready").touch()
    return venv / "bin" / "python"


def _build(venv: Path) -> None:
    uv = str(Path(sys.executable).parent / "uv")
    shutil.rmtree(venv, ignore_errors=True)
    for arguments in (
        ["venv", "--quiet", "--python", sys.executable, str(venv)],
        ["pip", "install", "--quiet", "--python", str(venv / "bin" / "python"), "--require-hashes", "-r", str(LOCK)],
    ):
        subprocess.run([uv, *arguments], check=True, timeout=_INSTALL_SECONDS)


if __name__ == "__main__":
    print(clients_python())
