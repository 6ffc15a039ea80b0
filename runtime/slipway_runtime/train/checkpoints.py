"""Saved progress in the store: ``checkpoints/<attempt>-<step>/state``, each one object, so whole or not there."""

import logging
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from slipway_runtime.run.context import RunContext
from slipway_runtime.run.errors import RetryLater
from slipway_runtime.storage.errors import ObjectMissing
from slipway_runtime.storage.store import Store

STATE = "state"
_KEY = re.compile(r"(?:^|/)(?P<attempt>[0-9]+)-(?P<step>[0-9]+)/state$")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, order=True)
class Position:
    """Which attempt saved, after how many finished steps; a later attempt is newer whatever its step."""

    attempt: int
    step: int

    @property
    def folder(self) -> str:
        """Name of the checkpoint below ``checkpoints/``."""
        return f"{self.attempt}-{self.step}"


class Checkpoints:
    """The checkpoints of one run, as ``attempt`` may use them: it reads its own and earlier ones, and writes its own.

    A process of an attempt that was given up may still run (its node was cut off, say). It is fenced: as soon as a
    later attempt has saved, ``save`` and ``newest`` raise RetryLater, and it never removes what is not its own to
    remove.
    """

    def __init__(self, store: Store, prefix: str, attempt: int, keep: int) -> None:
        self._store = store
        self._prefix = prefix
        self._attempt = attempt
        self._keep = keep

    @classmethod
    def of(cls, context: RunContext, keep: int) -> "Checkpoints":
        """The checkpoints of the context's run; below the output itself when started from a shell."""
        prefix = f"{context.key.prefix}/checkpoints" if context.key else "checkpoints"
        return cls(context.store(), prefix, context.attempt, keep)

    def save(self, step: int, content: bytes) -> None:
        """Write the state after ``step`` finished steps, then remove all but the newest ``keep``."""
        position = Position(self._attempt, step)
        self._refuse_if_stale(self._positions())
        self._store.write(self._key(position), content)
        self._remove(surplus([*self._positions(), position], self._attempt, self._keep))

    def newest(self) -> Iterator[tuple[Position, bytes]]:
        """Checkpoints with their content, newest first, so that a damaged one can be passed over."""
        positions = self._positions()
        self._refuse_if_stale(positions)
        for position in sorted(positions, reverse=True):
            try:
                yield position, self._store.read(self._key(position))
            except ObjectMissing:
                continue

    def clear(self) -> None:
        """Remove every checkpoint of this and earlier attempts."""
        self._remove(surplus(self._positions(), self._attempt, 0))

    def _refuse_if_stale(self, positions: Iterable[Position]) -> None:
        latest = max((position.attempt for position in positions), default=0)
        if latest > self._attempt:
            raise RetryLater(
                f"attempt {self._attempt} is stale: attempt {latest} of the same run has saved; leave it be"
            )

    def _positions(self) -> set[Position]:
        found = (_KEY.search(entry.key) for entry in self._store.list(self._prefix))
        return {Position(int(match["attempt"]), int(match["step"])) for match in found if match}

    def _remove(self, positions: Iterable[Position]) -> None:
        self._store.delete([self._key(position) for position in positions])

    def _key(self, position: Position) -> str:
        return f"{self._prefix}/{position.folder}/{STATE}"


def surplus(positions: Iterable[Position], attempt: int, keep: int) -> Sequence[Position]:
    """What ``attempt`` removes so that the newest ``keep`` of its own and earlier ones stay, oldest first."""
    own = sorted({position for position in positions if position.attempt <= attempt})
    return own[: max(0, len(own) - keep)]
