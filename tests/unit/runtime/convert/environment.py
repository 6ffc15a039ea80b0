"""The converters' own Python environment: TensorFlow must not get into the developer's.

``python -m tests.unit.runtime.convert.environment`` makes it and prints its interpreter.
"""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

from slipway_devcluster.paths import cache_root, locked
from slipway_devcluster.progress import step

ROOT = Path(__file__).resolve().parents[4]
LOCKS = tuple(ROOT / "requirements" / name for name in ("torch.txt", "convert.txt"))
INSTALL_SECONDS = 1800


def environment_path() -> Path:
    """Where it is: one environment for each state of the locks, shared by all checkouts."""
    key = hashlib.sha256(b"".join(lock.read_bytes() for lock in LOCKS)).hexdigest()[:12]
    return cache_root() / f"venv-convert-{key}"


def ensure_python() -> Path:
    """The environment's interpreter, after making it if it is not whole.

    The project itself is not installed: ``run`` puts it on the path, so that every checkout tests its own.
    """
    folder = environment_path()
    ready, python = folder / ".ready", folder / "bin" / "python"
    with locked(folder.with_suffix(".lock")):
        if not ready.exists():
            with step("install the converters' environment (TensorFlow; about 1 GB of wheels the first time)"):
                uv = str(Path(sys.executable).parent / "uv")
                _run(uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder))
                words = [word for lock in LOCKS for word in ("--requirement", str(lock))]
                _run(uv, "pip", "install", "--quiet", "--python", str(python), "--require-hashes", *words)
            ready.touch()
    return python


def run(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the environment's Python on this checkout; what it said is kept."""
    variables = {**os.environ, "PYTHONPATH": str(ROOT / "runtime"), "PYTHONWARNINGS": "ignore", **environment}
    return subprocess.run(
        [ensure_python(), *arguments], env=variables, capture_output=True, text=True, check=False, timeout=280
    )


def _run(*command: str) -> None:
    subprocess.run(command, check=True, timeout=INSTALL_SECONDS)


if __name__ == "__main__":
    print(ensure_python())
