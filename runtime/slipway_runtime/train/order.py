"""Which examples a step trains on: a pure function of seed, step and rank, so that any attempt can go on anywhere."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Order:
    """A shuffled order of ``examples`` for each epoch, cut into global batches that the ranks share.

    The last batch of an epoch holds what is left over.
    """

    examples: int
    batch_size: int
    seed: int

    @property
    def steps_per_epoch(self) -> int:
        """Steps that see every example once."""
        return -(-self.examples // self.batch_size)

    def batch(self, step: int) -> NDArray[np.int64]:
        """Positions of the examples of global ``step``, all ranks together."""
        epoch, within = divmod(step, self.steps_per_epoch)
        return _shuffled(self.examples, self.seed, epoch)[within * self.batch_size : (within + 1) * self.batch_size]

    def share(self, step: int, rank: int, world_size: int) -> NDArray[np.int64]:
        """The part of ``step``'s batch that ``rank`` computes: every ``world_size``-th example; may be empty."""
        return self.batch(step)[rank::world_size]


@lru_cache(maxsize=2)
def _shuffled(examples: int, seed: int, epoch: int) -> NDArray[np.int64]:
    return np.random.default_rng((seed, epoch)).permutation(examples)


def step_seed(seed: int, step: int, rank: int) -> int:
    """Seed of everything random inside one step (dropout, say): no generator's state has to survive a restart."""
    return int(np.random.SeedSequence((seed, step, rank)).generate_state(1, np.uint64)[0] >> 1)
