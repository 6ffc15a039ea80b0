"""What a format's reader hands over, before anything is checked."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Raw:
    """Unchecked examples.

    Attributes:
        x: Numbers [n, …].
        y: Answers [n]: numbers or text.
        discrete: Whether the answers look like classes (text or whole numbers).
        class_names: Names when ``y`` holds indices into them; empty when names are the values themselves.
        feature_names: Column names of tables.
    """

    x: npt.NDArray[np.number[Any]]
    y: npt.NDArray[Any]
    discrete: bool
    class_names: tuple[str, ...] = ()
    feature_names: tuple[str, ...] = ()
