"""What a cluster is made of, kept in a file so that every run of the program agrees."""

import os
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from slipway_devcluster.addressing import Addresses
from slipway_devcluster.process import Identity


class Component(BaseModel):
    """One background process: what to run and where."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    argv: tuple[str, ...]
    env: dict[str, str] = {}
    log: Path
    cgroup: str | None = None


class Process(BaseModel):
    """A started component."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    component: Component
    identity: Identity


class ClusterState(BaseModel):
    """The cluster as decided by `up`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    slot: int
    nodes: int
    control_plane_only: bool
    controllers: str = "*"
    audit: bool = False

    @property
    def addresses(self) -> Addresses:
        """Names and networks."""
        return Addresses(self.name, self.slot)


def load_state(path: Path) -> ClusterState | None:
    """The saved state, or None if there is no such cluster."""
    try:
        return ClusterState.model_validate_json(path.read_text())
    except FileNotFoundError:
        return None


def save(path: Path, model: BaseModel) -> None:
    """Write a model whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    work = path.with_name(f".{path.name}.{os.getpid()}")
    work.write_text(model.model_dump_json(indent=1))
    work.replace(path)
