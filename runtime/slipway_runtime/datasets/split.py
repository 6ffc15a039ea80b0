"""Which examples are held out."""

import numpy as np
import numpy.typing as npt

from slipway_runtime.datasets.dataset import Dataset, DatasetError

Indices = npt.NDArray[np.int64]


def split(dataset: Dataset, fraction: float, seed: int) -> tuple[Indices, Indices]:
    """Divide a dataset into a training and a held-out share.

    The same dataset, fraction and seed give the same shares on every machine; both are sorted. Classes keep their
    proportions: every class with two examples or more is in both shares.

    Args:
        dataset: What is divided.
        fraction: Held-out share, above 0 and below 1.
        seed: Seed of the choice.

    Returns:
        Indices of the training share and of the held-out share: disjoint, together all.

    Raises:
        DatasetError: The fraction is out of range or leaves a share empty.
    """
    if not 0.0 < fraction < 1.0:
        raise DatasetError(f"validation.fraction is {fraction}: set a number above 0 and below 1")
    generator = np.random.default_rng(seed)
    if dataset.is_classification:
        groups = [np.flatnonzero(dataset.y == label) for label in range(len(dataset.classes))]
    else:
        groups = [np.arange(len(dataset))]
    held_out = np.concatenate([_choose(group, fraction, generator) for group in groups])
    mask = np.zeros(len(dataset), dtype=np.bool_)
    mask[held_out] = True
    train_idx, held_out_idx = np.flatnonzero(~mask), np.flatnonzero(mask)
    if not len(train_idx) or not len(held_out_idx):
        raise DatasetError(
            f"validation.fraction {fraction} of {len(dataset)} examples leaves a share empty: "
            "give more examples or another fraction"
        )
    return train_idx, held_out_idx


def _choose(group: Indices, fraction: float, generator: np.random.Generator) -> Indices:
    count = len(group)
    if count < 2:  # noqa: PLR2004 - a single example cannot be in both shares; training has it
        return group[:0]
    wanted = min(max(round(count * fraction), 1), count - 1)
    return generator.permutation(group)[:wanted]
