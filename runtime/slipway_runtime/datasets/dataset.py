"""A dataset in memory."""

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from slipway_runtime.run.errors import ConfigError

Examples = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]
Targets = npt.NDArray[np.float32]


class DatasetError(ConfigError):
    """The data cannot be used as it is; the text names source, place and remedy."""


@dataclass(frozen=True)
class Dataset:
    """Examples and their answers.

    Attributes:
        x: float32 [n, …features], finite.
        y: int64 class indices [n] when ``classes`` is not empty, else float32 targets [n], finite.
        classes: Label names, in the order of the indices; empty for numeric targets.
        feature_names: Names of the columns of tables; empty otherwise.
        digest: ``sha256:…`` of shapes, names and values: equal data from any format and place has one digest.
    """

    x: Examples
    y: Labels | Targets
    classes: tuple[str, ...]
    feature_names: tuple[str, ...]
    digest: str

    def __len__(self) -> int:
        return len(self.x)

    @property
    def is_classification(self) -> bool:
        """Whether the answers are classes."""
        return bool(self.classes)


def digest_of(x: Examples, y: Labels | Targets, classes: tuple[str, ...], feature_names: tuple[str, ...]) -> str:
    """Hash of what the examples are, independent of how they were stored."""
    state = hashlib.sha256()
    for text in (repr(x.shape), repr(classes), repr(feature_names), y.dtype.name):
        state.update(text.encode() + b"\0")
    state.update(np.ascontiguousarray(x, dtype="<f4").tobytes())
    state.update(np.ascontiguousarray(y, dtype=y.dtype.newbyteorder("<")).tobytes())
    return "sha256:" + state.hexdigest()
