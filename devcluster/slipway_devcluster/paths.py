"""Where things are kept: one cache, and one folder per cluster in it."""

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from slipway_devcluster.errors import DevclusterError

NAME_PATTERN = re.compile(r"[a-z][a-z0-9-]{0,18}[a-z0-9]|[a-z]")


def cache_root() -> Path:
    """`$SLIPWAY_CACHE`, else `~/.cache/slipway`."""
    chosen = os.environ.get("SLIPWAY_CACHE")
    return Path(chosen).absolute() if chosen else Path.home() / ".cache" / "slipway"


def check_name(name: str) -> str:
    """Return `name` if it can name a cluster.

    Raises:
        DevclusterError: it is not 1 to 20 characters of a-z, 0-9 and dash that start with a letter.
    """
    if not NAME_PATTERN.fullmatch(name):
        raise DevclusterError(f"cluster name {name!r}: use 1 to 20 of a-z, 0-9 and dash, starting with a letter")
    return name


@dataclass(frozen=True)
class ClusterPaths:
    """Folders and files of one cluster; `run` is short because socket paths end at 107 characters."""

    name: str
    root: Path
    run: Path

    @classmethod
    def of(cls, name: str) -> "ClusterPaths":
        """Paths of the cluster `name` in the current cache."""
        check_name(name)
        return cls(name=name, root=cache_root() / "clusters" / name, run=Path("/run/slipway") / name)

    @property
    def state(self) -> Path:
        """What the cluster is made of, as JSON."""
        return self.root / "state.json"

    @property
    def pki(self) -> Path:
        """Certificates and keys."""
        return self.root / "pki"

    @property
    def kubeconfigs(self) -> Path:
        """Kubeconfigs of all identities."""
        return self.root / "kubeconfig"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.kubeconfigs / "admin.conf"

    @property
    def logs(self) -> Path:
        """One log per component."""
        return self.root / "logs"

    @property
    def audit_policy(self) -> Path:
        """Which requests the API server writes down, where it does."""
        return self.root / "audit-policy.yaml"

    @property
    def audit_log(self) -> Path:
        """Requests to the API server as JSON lines, where it writes them down."""
        return self.logs / "audit.log"

    @property
    def processes(self) -> Path:
        """One identity file per running component."""
        return self.root / "processes"

    def node(self, node: str) -> Path:
        """Everything of one node: configuration, images, volumes, pods."""
        return self.root / "nodes" / node

    def socket(self, node: str) -> Path:
        """The node's containerd socket."""
        return self.run / node / "containerd.sock"


def write_if_changed(path: Path, text: str) -> None:
    """Write a configuration only if it differs: kube-proxy ends itself when its file is written, whatever with."""
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on the file `path`, across processes; waits for it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
