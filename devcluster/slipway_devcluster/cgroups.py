"""One cgroup per node, in every hierarchy: its pods run below it, so ending the node ends them all."""

import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from slipway_devcluster.process import identify, send
from slipway_devcluster.waiting import wait_until

ROOT = Path("/sys/fs/cgroup")
_CPUSET = ("cpuset.cpus", "cpuset.mems")
_CONTROLLERS = ("cpu", "cpuset", "hugetlb", "io", "memory", "pids")


def hierarchies(root: Path = ROOT) -> list[Path]:
    """Mount points of the hierarchies that kubelet and runc use: the one of version 2, or all of version 1."""
    if (root / "cgroup.controllers").exists():
        return [root]
    return sorted(path for path in root.iterdir() if path.is_dir() and not path.is_symlink() and path.name != "unified")


def find(prefix: str) -> list[str]:
    """Names of the cgroups that begin with `prefix`."""
    return sorted({path.name for hierarchy in _everywhere() for path in hierarchy.glob(f"{prefix}*") if path.is_dir()})


def create(name: str, root: Path = ROOT) -> None:
    """Make the cgroup `name` everywhere, with the controllers (v2) or CPU sets (v1) of its parent."""
    for hierarchy in hierarchies(root):
        folder = hierarchy / name
        folder.mkdir(exist_ok=True)
        if (hierarchy / "cgroup.controllers").exists():
            present = set((hierarchy / "cgroup.controllers").read_text().split())
            wanted = " ".join(f"+{controller}" for controller in _CONTROLLERS if controller in present)
            for level in (hierarchy, folder):
                (level / "cgroup.subtree_control").write_text(wanted)
            (folder / "runtime").mkdir(exist_ok=True)
            continue
        (folder / "runtime").mkdir(exist_ok=True)
        for level in (folder, folder / "runtime"):
            for setting in _CPUSET:
                if (level / setting).exists() and not (level / setting).read_text().strip():
                    (level / setting).write_text((level.parent / setting).read_text())


def join(name: str, pid: int) -> None:
    """Move a process into the cgroup, so that what it starts (container shims) is found there."""
    try:
        (_marker() / name / "cgroup.procs").write_text(str(pid))
    except ProcessLookupError:
        return  # it died at once; whoever waits for it tells why


def kill_all(name: str) -> None:
    """Kill every process in the cgroup and below it, and wait until none is left."""
    folder = _marker() / name

    def empty() -> bool:
        pids = list(_pids(folder))
        for pid in pids:
            identity = identify(pid)
            if identity is not None:
                send(identity, signal.SIGKILL)
        return not any(identify(pid) for pid in _pids(folder))

    wait_until(empty, what=f"end of the processes in cgroup {name}", seconds=30, every=0.05)


def remove(name: str) -> None:
    """Remove the cgroup and everything below it; it must hold no process."""
    for hierarchy in _everywhere():
        folder = hierarchy / name
        if folder.exists():
            wait_until(partial(_removed, folder), what=f"removal of cgroup {folder}", seconds=10, every=0.05)


def _everywhere(root: Path = ROOT) -> list[Path]:
    """All hierarchies, with the version 2 one beside version 1, in which runc makes folders too."""
    return [*hierarchies(root), *(path for path in [root / "unified"] if path.is_dir())]


def _removed(folder: Path) -> bool:
    try:
        for path in sorted((p for p in folder.rglob("*") if p.is_dir()), key=lambda p: -len(p.parts)):
            path.rmdir()
        folder.rmdir()
    except FileNotFoundError:
        return not folder.exists()
    except OSError:  # a process is still leaving
        return False
    return True


def _marker() -> Path:
    """The hierarchy in which membership is looked up: the only one, or that of the pids controller."""
    found = hierarchies()
    return found[0] if len(found) == 1 else ROOT / "pids"


def _pids(folder: Path) -> Iterator[int]:
    for path in folder.rglob("cgroup.procs"):
        try:
            yield from (int(word) for word in path.read_text().split())
        except OSError:
            continue
