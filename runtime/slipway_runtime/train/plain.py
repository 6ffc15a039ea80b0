"""A program that is started as it is, once on each node."""

import signal
from collections.abc import Sequence

from slipway_runtime.train.ending import RankEnd
from slipway_runtime.train.group import LAST_WORDS_ENV, Work
from slipway_runtime.train.rank import RankProcess
from slipway_runtime.train.topology import Topology, thread_settings


class PlainGroup:
    """One process that gets no rank from the launcher: it finds its peers, if any, by itself."""

    def __init__(self, work: Work, topology: Topology) -> None:
        self._work = work
        self._topology = topology
        self._process: RankProcess | None = None
        self._cancelled = False

    def run(self) -> Sequence[RankEnd]:
        """Start the program and wait for its end."""
        last_words = self._work.last_words(0)
        # The program's processes share the node, and how it divides the CPUs is its own business.
        environment = {**self._work.environment, LAST_WORDS_ENV: str(last_words)}
        if self._topology.processes == 1:
            environment.update(thread_settings(self._topology.threads))
        self._process = RankProcess(
            self._topology.node_rank, self._work.command, environment, last_words, self._work.sink
        )
        if self._cancelled:
            self._process.send(signal.SIGTERM)
        return (self._process.wait(),)

    def send(self, number: signal.Signals) -> None:
        """Signal the program."""
        self._cancelled = True
        if self._process is not None:
            self._process.send(number)

    def interrupt(self) -> None:
        """Nothing blocks before the program runs."""
