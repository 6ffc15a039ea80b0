"""The processes of one node, and the two ways to run them: on this node alone, or together with other nodes."""

import os
import signal
import socket
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from slipway_runtime.train.ending import RankEnd
from slipway_runtime.train.rank import RankProcess, Sink
from slipway_runtime.train.topology import Topology, thread_settings

LAST_WORDS_ENV = "SLIPWAY_TERMINATION_LOG"


@dataclass(frozen=True)
class Work:
    """What every process of this node runs. ``directory`` is the launcher's own scratch."""

    command: tuple[str, ...]
    environment: Mapping[str, str]
    directory: Path
    sink: Sink
    grace_seconds: float

    def last_words(self, local_rank: int) -> Path:
        """The file in which a process leaves its Summary."""
        return self.directory / f"last-words-{local_rank}.json"


class Group(Protocol):
    """Processes that run until all succeed or one fails."""

    def run(self) -> Sequence[RankEnd]:
        """Start them and block until every one has ended; raises RunError when they cannot be brought together."""
        ...

    def send(self, number: signal.Signals) -> None:
        """Signal every process that runs."""
        ...

    def interrupt(self) -> None:
        """Called in a signal handler after ``send``: end a wait for other nodes by raising Preempted."""
        ...


class LocalGroup:
    """All processes of a training on one node: no rendezvous, and the launcher does without torch."""

    def __init__(self, work: Work, topology: Topology) -> None:
        self._work = work
        self._topology = topology
        self._processes: list[RankProcess] = []
        self._changed = threading.Condition()
        self._ends: list[RankEnd] = []
        self._cancelled = False

    def run(self) -> Sequence[RankEnd]:
        """Start all and wait; the first failure stops the others, with the grace to end by themselves."""
        port = free_port() if self._topology.processes > 1 else self._topology.master_port
        for local_rank in range(self._topology.processes):
            process = RankProcess(
                local_rank,
                self._work.command,
                rank_environment(self._work, self._topology, local_rank, port),
                self._work.last_words(local_rank),
                self._work.sink,
            )
            self._processes.append(process)
            threading.Thread(target=self._record, args=(process,), daemon=True).start()
        if self._cancelled:
            self.send(signal.SIGTERM)
        with self._changed:
            self._changed.wait_for(self._settled)
            if len(self._ends) < len(self._processes):
                if not self._cancelled:  # a second SIGTERM would cut off who is saving
                    self.send(signal.SIGTERM)
                if not self._changed.wait_for(self._all_ended, self._work.grace_seconds):
                    self.send(signal.SIGKILL)
                    self._changed.wait_for(self._all_ended)
            return tuple(self._ends)

    def send(self, number: signal.Signals) -> None:
        """Signal every process that runs; one that starts later is signalled at its start."""
        self._cancelled = True
        for process in self._processes:
            process.send(number)

    def interrupt(self) -> None:
        """There are no other nodes to wait for."""

    def _record(self, process: RankProcess) -> None:
        end = process.wait()
        with self._changed:
            self._ends.append(end)
            self._changed.notify_all()

    def _settled(self) -> bool:
        return self._all_ended() or any(end.code != 0 for end in self._ends)

    def _all_ended(self) -> bool:
        return len(self._ends) == len(self._processes)


def rank_environment(work: Work, topology: Topology, local_rank: int, port: int) -> dict[str, str]:
    """The environment of one process of a training on one node, in the names that torch's launchers use."""
    return {
        **work.environment,
        **thread_settings(topology.threads),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "WORLD_SIZE": str(topology.world_size),
        "RANK": str(local_rank),
        "LOCAL_RANK": str(local_rank),
        "LOCAL_WORLD_SIZE": str(topology.processes),
        "GROUP_RANK": "0",
        LAST_WORDS_ENV: str(work.last_words(local_rank)),
    }


def free_port() -> int:
    """A port of the loopback interface that nobody uses now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def visible_gpus(environment: Mapping[str, str]) -> int:
    """NVIDIA devices that this container was given, counted without a driver library.

    ``NVIDIA_VISIBLE_DEVICES`` names them where the container toolkit sets it to identifiers; otherwise the device
    files count.
    """
    named = environment.get("CUDA_VISIBLE_DEVICES", environment.get("NVIDIA_VISIBLE_DEVICES", "all"))
    if named in {"", "void", "none", "-1"}:
        return 0
    if named != "all":
        return len(named.split(","))
    return sum(name.removeprefix("nvidia").isdigit() for name in os.listdir("/dev"))  # noqa: PTH208 - names only
