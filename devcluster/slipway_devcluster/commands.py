"""Run short commands; a failure carries the command and the tail of what it said."""

import os
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from slipway_devcluster.errors import CommandError, DevclusterError

TAIL_LINES = 25


def tail(text: str, lines: int = TAIL_LINES) -> str:
    """The last `lines` lines of `text`."""
    return "\n".join(text.rstrip().splitlines()[-lines:])


def run(
    argv: Sequence[str | Path],
    *,
    stdin: str | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    timeout: float = 600.0,
    check: bool = True,
) -> str:
    """Run `argv` and return its stdout.

    Args:
        argv: program and arguments.
        stdin: text given to the program; nothing when None.
        env: variables added to the environment.
        cwd: working directory.
        timeout: seconds after which the program is killed.
        check: raise on a non-zero exit status; otherwise whatever it wrote is returned.

    Raises:
        CommandError: the program is missing, failed, or ran past `timeout`.
    """
    words = [str(word) for word in argv]
    try:
        done = subprocess.run(
            words,
            input=stdin if stdin is not None else "",
            capture_output=True,
            text=True,
            env={**os.environ, **(env or {})},
            cwd=cwd,
            timeout=timeout,
            check=False,
        )
    except FileNotFoundError as error:
        raise CommandError(
            f"{words[0]}: not found; run `slipway-devcluster binaries` to install what is missing"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise CommandError(f"{shlex.join(words)}: no end after {timeout:.0f} s") from error
    if check and done.returncode != 0:
        said = tail(done.stderr.strip() or done.stdout.strip())
        raise CommandError(f"{shlex.join(words)}: exit status {done.returncode}\n{said}")
    return done.stdout


def require_root() -> None:
    """Raise when not root: namespaces, mounts and cgroups need it."""
    if os.geteuid() != 0:
        raise DevclusterError(
            "a cluster needs root (network namespaces, mounts, cgroups): run this as root or with sudo"
        )
