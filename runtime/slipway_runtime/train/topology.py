"""Who trains with whom: read once from the environment."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from slipway_runtime.run.errors import ConfigError

DEFAULT_PORT = 29500
_MASTER_POD = re.compile(r"^(?P<job>.+)-0\.(?P<service>[^.]+.*)$")


@dataclass(frozen=True)
class Topology:
    """The processes of one attempt, as seen from one node.

    ``threads`` is the number of threads of each process; ``None`` leaves the libraries' own choice.
    """

    nodes: int
    node_rank: int
    processes: int
    master_address: str
    master_port: int
    threads: int | None

    @property
    def world_size(self) -> int:
        """Processes on all nodes together."""
        return self.nodes * self.processes

    @property
    def own_address(self) -> str | None:
        """Name under which the peers reach this node, when it follows from the master's.

        Pods of an indexed Job are called ``<job>-<index>.<service>``; other names say nothing about the peers.
        """
        master = _MASTER_POD.match(self.master_address)
        return f"{master['job']}-{self.node_rank}.{master['service']}" if master else None


def topology(environment: Mapping[str, str], gpus: int) -> Topology:
    """The topology that ``environment`` describes.

    ``SLIPWAY_PROCESSES_PER_NODE=auto`` means one process for each of the ``gpus`` visible ones, or one process.
    Threads are the CPU quota ``SLIPWAY_CPUS`` divided by the processes of a node, at least one.
    Raises ConfigError naming the variable that makes no sense.
    """
    nodes = _integer(environment, "SLIPWAY_NODES", 1, least=1)
    node_rank = _integer(environment, "SLIPWAY_NODE_RANK", 0, least=0)
    if node_rank >= nodes:
        raise ConfigError(f"SLIPWAY_NODE_RANK is {node_rank} but SLIPWAY_NODES is {nodes}: ranks count from 0")
    wanted = environment.get("SLIPWAY_PROCESSES_PER_NODE", "auto")
    processes = max(gpus, 1) if wanted == "auto" else _integer(environment, "SLIPWAY_PROCESSES_PER_NODE", 1, least=1)
    return Topology(
        nodes=nodes,
        node_rank=node_rank,
        processes=processes,
        master_address=environment.get("MASTER_ADDR", "127.0.0.1"),
        master_port=_integer(environment, "MASTER_PORT", DEFAULT_PORT, least=1),
        threads=_threads(environment.get("SLIPWAY_CPUS"), processes),
    )


def thread_settings(threads: int | None) -> dict[str, str]:
    """The variables by which the numerical libraries size their thread pools."""
    if threads is None:
        return {}
    return dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(threads))


def _threads(cpus: str | None, processes: int) -> int | None:
    if not cpus:
        return None
    try:
        quota = float(cpus)
    except ValueError:
        raise ConfigError(f"SLIPWAY_CPUS is {cpus!r}: give the CPU quota in cores, such as 0.5 or 4") from None
    # A process with more threads than its quota is throttled by the kernel in the middle of a step.
    return max(1, int(quota / processes))


def _integer(environment: Mapping[str, str], name: str, default: int, least: int) -> int:
    text = environment.get(name, str(default))
    try:
        value = int(text)
    except ValueError:
        raise ConfigError(f"{name} is {text!r}: give a whole number of at least {least}") from None
    if value < least:
        raise ConfigError(f"{name} is {value}: give a whole number of at least {least}")
    return value
