"""Start, recognise and stop background processes.

A process is known by pid, start time and boot: a pid that the kernel gave to another process since then never matches,
and signals go through a pidfd taken before that check, so a recycled pid is never signalled.
"""

import contextlib
import os
import signal
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from slipway_devcluster.commands import tail

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_TAIL_BYTES = 16_384
_CAP_SYS_RESOURCE = 24


class Identity(BaseModel):
    """Which process was started; survives in a file between runs of this program."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pid: int
    start_ticks: int
    boot: str


def parse_stat(stat: str) -> tuple[str, int]:
    """State letter and start time (clock ticks since boot) of /proc/PID/stat: fields 3 and 22 of proc(5)."""
    fields = stat[stat.rindex(")") + 2 :].split()
    return fields[0], int(fields[19])


def identify(pid: int) -> Identity | None:
    """The identity of a running process; None if it is gone or a zombie (which is reaped if it is our child)."""
    try:
        state, ticks = parse_stat(Path(f"/proc/{pid}/stat").read_text())
    except (FileNotFoundError, ProcessLookupError):
        return None
    if state in "ZX":
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
        return None
    return Identity(pid=pid, start_ticks=ticks, boot=BOOT_ID.read_text().strip())


def alive(identity: Identity) -> bool:
    """Whether exactly this process still runs."""
    return identify(identity.pid) == identity


def inherited() -> list[int]:
    """Descriptors of whoever started this program that a child would get too, such as locks and pipes."""
    found = []
    for path in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # the listing's own is gone
            if int(path.name) > 2 and os.get_inheritable(int(path.name)):  # noqa: PLR2004 - standard error
                found.append(int(path.name))
    return found


def spawn(argv: Sequence[str], *, log: Path, env: Mapping[str, str] | None = None) -> Identity:
    """Start `argv` in a session of its own, appending stdout and stderr to `log`.

    The child outlives this program, so it gets no other open file: a lock would be held for as long as it runs. It is
    not wrapped in an object that would warn or kill on collection.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    append = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    pid = os.posix_spawnp(
        argv[0],
        list(argv),
        {**os.environ, **(env or {})},
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(log), append, 0o644),
            (os.POSIX_SPAWN_DUP2, 1, 2),
            *((os.POSIX_SPAWN_CLOSE, descriptor) for descriptor in inherited()),
        ],
        setsid=True,
    )
    # A child that is dead already gets an identity that never matches.
    return identify(pid) or Identity(pid=pid, start_ticks=-1, boot="")


def send(identity: Identity, number: signal.Signals) -> bool:
    """Signal this process and no other; False if it is gone."""
    try:
        descriptor = os.pidfd_open(identity.pid)
    except ProcessLookupError:
        return False
    try:
        if not alive(identity):
            return False
        signal.pidfd_send_signal(descriptor, number)
    except ProcessLookupError:
        return False
    finally:
        os.close(descriptor)
    return True


def stop(identity: Identity, *, grace: float = 5.0) -> None:
    """Ask the process to end, and kill it after `grace` seconds (at once when 0); returns when it is gone."""
    if grace > 0 and send(identity, signal.SIGTERM) and _gone(identity, grace):
        return
    send(identity, signal.SIGKILL)
    _gone(identity, 10.0)


def _gone(identity: Identity, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while alive(identity):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def may_lower_oom_score() -> bool:
    """Whether this process has CAP_SYS_RESOURCE (capabilities(7)); root in a container or sandbox may lack it."""
    lines = Path("/proc/self/status").read_text().splitlines()
    effective = next(int(line.split()[1], 16) for line in lines if line.startswith("CapEff:"))
    return bool(effective >> _CAP_SYS_RESOURCE & 1)


def log_tail(log: Path, lines: int = 20) -> str:
    """The last lines of a log file, or a remark that there is none."""
    try:
        with log.open("rb") as handle:
            handle.seek(max(0, log.stat().st_size - _TAIL_BYTES))
            text = handle.read().decode(errors="replace")
    except FileNotFoundError:
        return "(no log)"
    return tail(text, lines) or "(empty log)"
