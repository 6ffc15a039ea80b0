"""Training on several nodes: torch's elastic agent, used as a library.

Differences to ``torchrun``: the first failing rank's code survives, SIGTERM reaches the workers with a grace to save,
ranks follow the nodes' numbers, and late DNS entries are waited for.
"""

import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from slipway_runtime.run.errors import Preempted, RetryLater
from slipway_runtime.train.ending import RankEnd, exit_code
from slipway_runtime.train.group import Work
from slipway_runtime.train.relay import end_file
from slipway_runtime.train.topology import Topology, thread_settings

if TYPE_CHECKING:
    from torch.distributed.elastic.agent.server.api import RunResult
    from torch.distributed.elastic.agent.server.local_elastic_agent import LocalElasticAgent

RENDEZVOUS_SECONDS = 600
"""How long the nodes wait for each other: pulling a training image onto a fresh node takes minutes."""


class AgentGroup:
    """This node's processes of a training on several nodes.

    ``run_id`` is the same on all nodes of one attempt and on no other attempt.
    """

    def __init__(self, work: Work, topology: Topology, run_id: str, deadline_seconds: int = RENDEZVOUS_SECONDS) -> None:
        self._work = work
        self._topology = topology
        self._run_id = run_id
        self._deadline_seconds = deadline_seconds
        self._agent: LocalElasticAgent | None = None
        self._cancelled = False

    def run(self) -> Sequence[RankEnd]:
        """Meet the other nodes, run the processes, and collect how each ended.

        Raises RetryLater when the nodes do not come together in time, Preempted when stopped before they have.
        """
        resolve(self._topology.master_address, self._deadline_seconds, self._check_cancelled)
        os.environ.update(self._settings())
        from torch.distributed.elastic.rendezvous.api import RendezvousError

        started = time.time_ns()
        try:
            self._check_cancelled()
            self._agent = self._make_agent()
            result = self._agent.run()
        except (RendezvousError, RuntimeError) as error:
            # torch's store reports a lost peer as a plain RuntimeError (DistNetworkError is one).
            ends = self._ends()
            if any(end.code != 0 for end in ends):
                return ends
            topology = self._topology
            raise RetryLater(
                f"node {topology.node_rank} of {topology.nodes} lost or never reached the others at "
                f"{topology.master_address}:{topology.master_port}: {error}; see whether all pods run"
            ) from error
        return _completed(self._ends(), result, started)

    def send(self, number: signal.Signals) -> None:
        """Signal the processes; before there are any, end the wait for the other nodes."""
        self._cancelled = True
        context = self._agent._pcontext if self._agent else None  # noqa: SLF001 - the agent offers no other way to its processes
        if context is None:
            return
        for process in context.pids().values():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process, number)

    def interrupt(self) -> None:
        """Raise Preempted if no process has started yet; for a signal handler, which interrupts the rendezvous."""
        if self._agent is not None and self._agent._pcontext is None:  # noqa: SLF001 - see send
            self._check_cancelled()

    def _check_cancelled(self) -> None:
        if self._cancelled:
            raise Preempted("stopped before training began; nothing is lost")

    def _settings(self) -> dict[str, str]:
        return {
            **self._work.environment,
            **thread_settings(self._topology.threads),
            # The agent would turn these into an end without grace; the launcher's own handler forwards them.
            "TORCHELASTIC_SIGNALS_TO_HANDLE": "SIGQUIT",
            # Sharing the agent's store makes a new set of processes read addresses of the dead one.
            "TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1",
        }

    def _make_agent(self) -> "LocalElasticAgent":
        from torch.distributed.elastic.agent.server.api import WorkerSpec
        from torch.distributed.elastic.agent.server.local_elastic_agent import LocalElasticAgent
        from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs
        from torch.distributed.elastic.rendezvous import RendezvousParameters
        from torch.distributed.elastic.rendezvous.registry import get_rendezvous_handler

        topology = self._topology
        # Participants are ranked by their address, and <job>-0 sorts before every other: rank 0 is on node 0.
        address = topology.own_address
        parameters = RendezvousParameters(
            backend="c10d",
            endpoint=f"{topology.master_address}:{topology.master_port}",
            run_id=self._run_id,
            min_nodes=topology.nodes,
            max_nodes=topology.nodes,
            local_addr=address,
            is_host=str(topology.node_rank == 0).lower(),
            join_timeout=str(self._deadline_seconds),
            read_timeout=str(self._deadline_seconds),
        )
        spec = WorkerSpec(
            role="trainer",
            local_world_size=topology.processes,
            entrypoint=sys.executable,
            args=("-m", "slipway_runtime.train.relay", str(self._work.directory), *self._work.command),
            rdzv_handler=get_rendezvous_handler(parameters),
            max_restarts=0,  # a restart is a new attempt: new pods, and the operator counts it
            monitor_interval=0.1,
            local_addr=address,
        )
        return LocalElasticAgent(
            spec=spec,
            logs_specs=DefaultLogsSpecs(log_dir=str(self._work.directory / "agent")),
            exit_barrier_timeout=self._work.grace_seconds,
            shutdown_timeout=int(self._work.grace_seconds),
        )

    def _ends(self) -> list[RankEnd]:
        found = []
        for local_rank in range(self._topology.processes):
            path = end_file(self._work.directory, local_rank)
            if path.exists():
                found.append(RankEnd.model_validate_json(path.read_bytes()))
        return found


def resolve(host: str, deadline_seconds: float, check: Callable[[], None]) -> None:
    """Wait until ``host`` has an address: a pod's DNS entry appears some seconds after the pod.

    ``check`` may raise to end the wait. Raises RetryLater at the deadline.
    """
    give_up = time.monotonic() + deadline_seconds
    while True:
        check()
        try:
            socket.getaddrinfo(host, None)
        except OSError as error:
            if time.monotonic() >= give_up:
                raise RetryLater(
                    f"{host} has no address after {deadline_seconds:.0f} s ({error}): is the headless Service there, "
                    "and may the pods ask DNS?"
                ) from error
            time.sleep(0.5)
        else:
            return


def _completed(ends: list[RankEnd], result: "RunResult", started: int) -> list[RankEnd]:
    """``ends`` plus those processes that were killed together with their relay, as the agent saw them end."""
    known = {end.rank for end in ends}
    latest = max([started, *(end.at for end in ends)])
    killed = [
        RankEnd(rank=rank, code=exit_code(failure.exitcode), at=latest)
        for rank, failure in result.failures.items()
        if rank not in known
    ]
    return [*ends, *killed]
